import type { HijackedStream } from "../hijacked-stream.ts"
import type { RequestHead } from "./head.ts"
import { reasons } from "./status.ts"

/** Header fields to send: a list sends the field several times. */
export type OutgoingHeaders = Readonly<Record<string, string | readonly string[]>>

/** What a response needs from its connection. */
export interface ResponseLink {
  /** @returns a promise only when the caller must wait for room */
  write(bytes: string | Uint8Array): Promise<void> | undefined
  /** Whether the connection can carry another request after this response. Asked once, when the head is written. */
  reusable(): boolean
  /** Takes the connection out of HTTP, with whatever the client sent behind its request. */
  takeOver(): HijackedStream
  /** Breaks the connection: the client must not take what it got for the whole. */
  abort(): void
}

/** A body under way. */
export interface BodyWriter {
  /** Resolves when there is room for more. Bytes for a client that is gone are dropped. */
  write(bytes: Uint8Array): Promise<void>
  /** Completes the body. */
  end(): void
}

/** The answer to one request: exactly one of `send`, `stream` and `hijack`, once. */
export class HttpResponse {
  readonly #link: ResponseLink
  readonly #head: RequestHead
  #state: "fresh" | "streaming" | "done" | "hijacked" = "fresh"
  /** The status sent; 0 before. */
  status = 0
  /** Whether the connection is kept for the next request; decided when the head is written. */
  reuse = false

  constructor(link: ResponseLink, head: RequestHead) {
    this.#link = link
    this.#head = head
  }

  /** Whether the head is out: a status can no longer be chosen. */
  get started(): boolean {
    return this.#state !== "fresh"
  }

  /** Whether the response is complete, or out of HTTP's hands. */
  get finished(): boolean {
    return this.#state === "done" || this.#state === "hijacked"
  }

  get hijacked(): boolean {
    return this.#state === "hijacked"
  }

  /** Sends a whole response. For HEAD the body is only counted. */
  send(status: number, headers: OutgoingHeaders, body: string | Uint8Array = ""): void {
    this.#begin("done", status)
    const bodyless = status === 204 || status === 304
    const length = typeof body === "string" ? Buffer.byteLength(body) : body.length
    const head = this.#headText(headers, bodyless ? "" : `Content-Length: ${length}\r\n`)
    if (bodyless || length === 0 || this.#head.method === "HEAD") this.#link.write(head)
    else if (typeof body === "string") this.#link.write(head + body)
    else {
      this.#link.write(head)
      this.#link.write(body)
    }
  }

  /** Sends the head at once; the body follows in pieces (chunked, or up to the connection's end for HTTP/1.0). */
  stream(status: number, headers: OutgoingHeaders): BodyWriter {
    this.#begin("streaming", status)
    const fixed = Object.keys(headers).some((name) => name.toLowerCase() === "content-length")
    const chunked = !fixed && this.#head.minor === 1
    if (!fixed && !chunked) this.reuse = false
    this.#link.write(this.#headText(headers, chunked ? "Transfer-Encoding: chunked\r\n" : ""))
    const mute = this.#head.method === "HEAD"
    return {
      write: async (bytes) => {
        if (this.#state !== "streaming" || mute || bytes.length === 0) return
        await this.#link.write(chunked ? chunk(bytes) : bytes)
      },
      end: () => {
        if (this.#state !== "streaming") return
        this.#state = "done"
        if (chunked && !mute) this.#link.write("0\r\n\r\n")
      },
    }
  }

  /** Breaks off a body that cannot be completed, so that the client sees it is not whole. */
  abort(): void {
    if (this.#state !== "streaming") return
    this.#state = "done"
    this.reuse = false
    this.#link.abort()
  }

  /** Sends a head without any body length and hands over the connection as a raw stream. */
  hijack(status: number, headers: OutgoingHeaders, reason?: string): HijackedStream {
    this.#begin("hijacked", status)
    this.reuse = false
    const stream = this.#link.takeOver()
    this.#link.write(headText(status, reason, headers, ""))
    return stream
  }

  #begin(state: "streaming" | "done" | "hijacked", status: number): void {
    if (this.#state !== "fresh") throw new Error("a response is sent twice")
    this.reuse = state !== "hijacked" && this.#link.reusable()
    this.#state = state
    this.status = status
  }

  #headText(headers: OutgoingHeaders, length: string): string {
    const connection = !this.reuse
      ? "Connection: close\r\n"
      : this.#head.minor === 0
        ? "Connection: keep-alive\r\n"
        : ""
    return headText(this.status, undefined, headers, `${length}${connection}Date: ${httpDate()}\r\n`)
  }
}

function headText(status: number, reason: string | undefined, headers: OutgoingHeaders, more: string): string {
  let text = `HTTP/1.1 ${status} ${reason ?? reasons[status] ?? "Status"}\r\n`
  for (const name in headers) {
    const value = headers[name]!
    if (typeof value === "string") text += fieldLine(name, value)
    else for (const one of value) text += fieldLine(name, one)
  }
  return `${text}${more}\r\n`
}

/** A header line; what could end it early is taken out. */
const fieldLine = (name: string, value: string) => `${name}: ${value.replace(/[\r\n\0]+/g, " ")}\r\n`

function chunk(bytes: Uint8Array): Uint8Array {
  const size = `${bytes.length.toString(16)}\r\n`
  const framed = Buffer.allocUnsafe(size.length + bytes.length + 2)
  framed.write(size, 0, "latin1")
  framed.set(bytes, size.length)
  framed.write("\r\n", size.length + bytes.length, "latin1")
  return framed
}

let dateSecond = 0
let dateText = ""

function httpDate(): string {
  const second = Math.floor(Date.now() / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = new Date(second * 1000).toUTCString()
  }
  return dateText
}
