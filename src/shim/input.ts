import { closeSync } from "node:fs"
import { wouldBlock, writeNow } from "../linux/descriptor.ts"
import { type Reactor, readiness, type Watch } from "../linux/reactor.ts"

/** A process's stdin, fed by any number of clients. What the process does not take yet waits here. */
export class Input {
  readonly #reactor: Reactor
  readonly #waiting: (() => void)[] = []
  #descriptor: number | undefined
  #watch: Watch | undefined
  #pending: Buffer[] = []
  #ending = false
  #gone = false

  constructor(reactor: Reactor) {
    this.#reactor = reactor
  }

  /** The descriptor under it, for handing over. */
  get descriptor(): number | undefined {
    return this.#descriptor
  }

  /** Whether bytes wait for the process. */
  get isBlocked(): boolean {
    return this.#pending.length > 0
  }

  /** What waits, for handing over. */
  get pending(): Buffer {
    return Buffer.concat(this.#pending)
  }

  /** Whether its end was asked for. */
  get isEnding(): boolean {
    return this.#ending
  }

  /** Sets where bytes go: the pipe's writing end (owned), or a duplicate of the terminal's master (owned). */
  connect(descriptor: number): void {
    this.#descriptor = descriptor
    this.#watch = this.#reactor.watch(descriptor, () => this.#flush())
    this.#flush()
  }

  /** Bytes for the process; copied when they have to wait. Dropped when it reads no more. */
  write(bytes: Buffer): void {
    if (this.#gone || this.#ending) return
    this.#pending.push(Buffer.from(bytes))
    if (this.#pending.length === 1) this.#flush()
  }

  /** Calls `resume` once nothing waits any more. */
  whenFree(resume: () => void): void {
    if (this.isBlocked) this.#waiting.push(resume)
    else resume()
  }

  /** The process sees the end of its input after what waits. */
  end(): void {
    if (this.#ending) return
    this.#ending = true
    this.#flush()
  }

  /** Drops what waits and closes the descriptor. */
  close(): void {
    this.#gone = true
    this.#pending = []
    this.#watch?.close()
    this.#watch = undefined
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
    this.#tellFree()
  }

  #flush(): void {
    if (this.#descriptor === undefined) return
    try {
      while (this.#pending.length > 0) {
        const first = this.#pending[0]!
        const written = first.length === 0 ? 0 : writeNow(this.#descriptor, first)
        if (written === wouldBlock) {
          this.#watch!.want(readiness.write)
          return
        }
        if (written === first.length) this.#pending.shift()
        else this.#pending[0] = first.subarray(written)
      }
    } catch {
      this.close()
      return
    }
    if (this.#ending) this.close()
    else this.#tellFree()
  }

  #tellFree(): void {
    for (const resume of this.#waiting.splice(0)) resume()
  }
}
