import { closeSync, openSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import { duplicate } from "./descriptor.ts"

/** FD_SETSIZE of glibc and musl: select(2) with a descriptor from here on ends the process, or writes past its set. */
const selectLimit = 1024

/** How many are kept: more than one, in case another thread opens a file while they are lent. */
const reserved = 4

/**
 * A few descriptors below FD_SETSIZE that stay reserved while this process opens thousands of others. A library that opens
 * sockets and waits for them with select(2) is called inside {@link lend}: the kernel always gives the lowest free number, so
 * what the library opens then is low. Reserve before anything else is opened in numbers.
 */
export class LowDescriptors implements Disposable {
  readonly #source: number
  readonly #held: number[] = []
  #open = true

  private constructor() {
    this.#source = openSync("/dev/null", "r")
  }

  /** @throws unavailable when files that this process was started with have all of them already */
  static reserve(): LowDescriptors {
    const low = new LowDescriptors()
    try {
      low.#require()
    } catch (error) {
      low[Symbol.dispose]()
      throw error
    }
    return low
  }

  /**
   * Runs `work`, which must be synchronous, with the reserved descriptors free for it. Takes some 10 µs.
   * @throws unavailable, before the work, when no low descriptor is left
   */
  lend<T>(work: () => T): T {
    this.#require()
    for (const descriptor of this.#held.splice(0)) closeSync(descriptor)
    try {
      return work()
    } finally {
      this.#fill()
    }
  }

  #require(): void {
    if (this.#held.length === 0) this.#fill()
    if (this.#held.length > 0) return
    throw new Failure(
      "unavailable",
      `all descriptors below ${selectLimit} are in use, which libraries need that wait with select(2); start this program without so many open files`,
    )
  }

  #fill(): void {
    try {
      while (this.#held.length < reserved) {
        const descriptor = duplicate(this.#source)
        if (descriptor >= selectLimit) {
          closeSync(descriptor)
          return
        }
        this.#held.push(descriptor)
      }
    } catch {
      // EMFILE: this process has all that it may have; the next call tries again.
    }
  }

  [Symbol.dispose](): void {
    if (!this.#open) return
    this.#open = false
    for (const descriptor of this.#held.splice(0)) closeSync(descriptor)
    closeSync(this.#source)
  }
}
