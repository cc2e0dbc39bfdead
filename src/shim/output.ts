import { closeSync } from "node:fs"
import { wouldBlock } from "../linux/descriptor.ts"
import { type Reactor, readiness, type Watch } from "../linux/reactor.ts"

/** How often one process's output is read before others have their turn. */
const turns = 4

/** What an output is driven by. */
export interface OutputOwner {
  /** Takes what the output has, and passes it on. @returns bytes taken, 0 at the end, `wouldBlock` when there is nothing now */
  pass(): number
  /** Whether reading has to wait for a slow client. */
  isHeld(): boolean
  /** Told once, after the last byte. */
  ended(): void
}

/** One output of a process: a pipe's reading end or a terminal's master, read until every writer has gone. */
export class Output {
  readonly descriptor: number
  readonly #watch: Watch
  readonly #owner: OutputOwner
  #idle: (() => void)[] = []
  #over = false

  /** @param descriptor non-blocking; owned */
  constructor(reactor: Reactor, descriptor: number, owner: OutputOwner) {
    this.descriptor = descriptor
    this.#owner = owner
    this.#watch = reactor.watch(descriptor, () => this.#read())
  }

  get isOver(): boolean {
    return this.#over
  }

  /** Reads what is there; goes on whenever there is more. A pipe that nobody has open for writing ends here. */
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
      const length = this.#owner.pass()
      if (length === wouldBlock) return
      if (length === 0) this.#end()
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
      if (this.#over || this.#owner.isHeld()) return
      const length = this.#owner.pass()
      if (length === wouldBlock) {
        this.#tellIdle()
        break
      }
      if (length === 0) {
        this.#end()
        return
      }
    }
    this.resume()
  }

  #end(): void {
    this.close()
    this.#owner.ended()
  }

  #tellIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}
