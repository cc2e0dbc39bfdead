import { BadRequest } from "./head.ts"

const maxLine = 4096
const maxTrailers = 64 * 1024

/** Takes the chunked transfer coding off a body (RFC 9112, section 7.1). Extensions and trailers are dropped. */
export class ChunkedDecoder {
  #state: "size" | "data" | "data-end" | "trailer" | "done" = "size"
  #remaining = 0
  #line = ""
  #trailerBytes = 0

  /** Whether the last chunk and the trailers have been read. */
  get done(): boolean {
    return this.#state === "done"
  }

  /**
   * Decodes as much of `input` as belongs to the body.
   * @param take called with each piece of data, a view of `input`
   * @returns how many bytes were used: fewer than given only when `done`
   * @throws BadRequest
   */
  push(input: Buffer, take: (data: Buffer) => void): number {
    let at = 0
    while (at < input.length && this.#state !== "done") {
      if (this.#state === "data") {
        const data = input.subarray(at, at + this.#remaining)
        at += data.length
        this.#remaining -= data.length
        if (data.length > 0) take(data)
        if (this.#remaining === 0) this.#state = "data-end"
        continue
      }
      const end = input.indexOf(10, at)
      const stop = end < 0 ? input.length : end + 1
      this.#line += input.toString("latin1", at, stop)
      at = stop
      if (this.#line.length > maxLine) throw new BadRequest(400, "chunk line too long")
      if (end >= 0) this.#endOfLine()
    }
    return at
  }

  #endOfLine(): void {
    const line = this.#line
    this.#line = ""
    if (!line.endsWith("\r\n")) throw new BadRequest(400, "malformed chunked body")
    const text = line.slice(0, -2)
    if (this.#state === "data-end") {
      if (text !== "") throw new BadRequest(400, "malformed chunked body: chunk longer than its size")
      this.#state = "size"
    } else if (this.#state === "trailer") {
      this.#trailerBytes += line.length
      if (this.#trailerBytes > maxTrailers) throw new BadRequest(400, "trailers too long")
      if (text === "") this.#state = "done"
    } else {
      const size = /^([0-9a-fA-F]{1,12})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/.exec(text)
      if (!size) throw new BadRequest(400, "malformed chunk size")
      this.#remaining = Number.parseInt(size[1]!, 16)
      this.#state = this.#remaining === 0 ? "trailer" : "data"
    }
  }
}
