import { humanSize } from "../../std/byte-size.ts"
import type { Output } from "../streams.ts"

/** How often the number is drawn, in milliseconds. */
const drawEvery = 75

/** Shows on a terminal how many bytes have been copied, until disposed. */
export class CopyProgress implements Disposable {
  #total = 0
  #drawn = 0
  #over = false
  readonly #timer: ReturnType<typeof setInterval> | undefined
  readonly #err: Output

  constructor(err: Output, header: string) {
    this.#err = err
    if (!err.isTerminal) return
    err.write(`\u001b7\u001b[?25l${header}${humanSize(0, 3)}`)
    this.#timer = setInterval(() => {
      if (this.#total === this.#drawn) return
      this.#drawn = this.#total
      err.write(`\u001b[${header.length + 1}G\u001b[0K${humanSize(this.#total, 3)}`)
    }, drawEvery)
  }

  /** Bytes so far, for people. */
  get text(): string {
    return humanSize(this.#total, 3)
  }

  /** The same bytes, counted. */
  async *count(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      this.#total += chunk.length
      yield chunk
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    if (this.#over) return
    this.#over = true
    if (this.#err.isTerminal) this.#err.write("\u001b8\u001b[2K\u001b[?25h")
  }
}
