import { closeSync } from "node:fs"
import { readNow, wouldBlock } from "../linux/descriptor.ts"
import { SystemError } from "../linux/libc.ts"
import { type Reactor, readiness, type Watch } from "../linux/reactor.ts"
import { margin, maxChunk } from "./logs/writer.ts"

/** Where every output is read to: one for all, since a piece is passed on before the next is read. */
const buffer = Buffer.from(new ArrayBuffer(margin + maxChunk + margin))

/** How often one process's output is read before others have their turn. */
const turns = 4

/** Takes `length` bytes at `start` of `buffer`; the margins on both sides are free to use. */
export type OutputSink = (buffer: Buffer, start: number, length: number) => void

/** One output of a process: a FIFO's reading end or a terminal's master, read until every writer has gone. */
export class Output {
  readonly descriptor: number
  readonly #watch: Watch
  readonly #sink: OutputSink
  readonly #isHeld: () => boolean
  readonly #ended: () => void
  #idle: (() => void)[] = []
  #over = false

  /**
   * @param descriptor non-blocking; owned
   * @param isHeld whether reading has to wait for a slow client
   * @param ended told once, after the last byte
   */
  constructor(reactor: Reactor, descriptor: number, sink: OutputSink, isHeld: () => boolean, ended: () => void) {
    this.descriptor = descriptor
    this.#sink = sink
    this.#isHeld = isHeld
    this.#ended = ended
    this.#watch = reactor.watch(descriptor, () => this.#read())
  }

  get isOver(): boolean {
    return this.#over
  }

  /** Reads what is there; goes on whenever there is more. A FIFO that never had a writer since it was opened ends here. */
  begin(): void {
    this.#read()
  }

  /** Goes on when the clients that held it do so no more. */
  resume(): void {
    if (!this.#over) this.#watch.want(readiness.read)
  }

  /** Resolves when everything written up to now has been read. */
  async idle(): Promise<void> {
    if (this.#over) return
    await new Promise<void>((resolve) => {
      this.#idle.push(resolve)
      this.#read()
    })
  }

  /** Reads what is there now, at most `most` bytes, whoever would hold it. */
  exhaust(most: number): void {
    for (let taken = 0; !this.#over && taken < most; ) {
      const length = readOrEnd(this.descriptor)
      if (length === wouldBlock) return
      if (length === 0) this.#end()
      else this.#sink(buffer, margin, length)
      taken += length
    }
  }

  close(): void {
    if (this.#over) return
    this.#over = true
    this.#watch.close()
    closeSync(this.descriptor)
    this.#tellIdle()
  }

  #read(): void {
    for (let turn = 0; turn < turns; turn++) {
      if (this.#over || this.#isHeld()) return
      const length = readOrEnd(this.descriptor)
      if (length === wouldBlock) {
        this.#tellIdle()
        break
      }
      if (length === 0) {
        this.#end()
        return
      }
      this.#sink(buffer, margin, length)
    }
    this.resume()
  }

  #end(): void {
    this.close()
    this.#ended()
  }

  #tellIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}

const payload = buffer.subarray(margin, margin + maxChunk)

/** A terminal tells its end by EIO. */
function readOrEnd(descriptor: number): number {
  try {
    return readNow(descriptor, payload)
  } catch (error) {
    if (error instanceof SystemError && error.code === "EIO") return 0
    throw error
  }
}
