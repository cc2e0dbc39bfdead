/** For how long work holds its thread before the others get their turn, in milliseconds. */
const share = 5

/**
 * Lets work that goes over many things share its thread. Call `pass` between two of them: it returns at once until the work's share of time
 * is used up, and then after everything else that is ready has run. What was read before may have changed then.
 */
export class Turns {
  #began = performance.now()

  async pass(): Promise<void> {
    if (performance.now() - this.#began < share) return
    await new Promise((resolve) => setImmediate(resolve))
    this.#began = performance.now()
  }
}

/**
 * Lets pieces of work that come at one moment, a burst of requests or the timers of many containers, share a thread: after some
 * milliseconds of them everything else that is ready runs.
 */
export class TurnQueue {
  readonly #newestToo: boolean
  readonly #waiting: (() => void)[] = []
  #began = 0
  #watching = false
  #going = false
  #newest = false

  /** @param order `newest too`: every other piece is the one that came last, so that a short one is never behind hundreds of long ones */
  constructor(order: "in order" | "newest too" = "in order") {
    this.#newestToo = order === "newest too"
  }

  /** Call before each piece. @returns undefined when it may begin at once */
  enter(): Promise<void> | undefined {
    if (!this.#watching) {
      this.#watching = true
      this.#began = performance.now()
      setImmediate(this.#nextTurn)
      return undefined
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#go()
    })
  }

  readonly #nextTurn = (): void => {
    this.#watching = this.#waiting.length > 0
    if (!this.#watching) return
    this.#began = performance.now()
    setImmediate(this.#nextTurn)
    this.#resume()
    this.#go()
  }

  /** Goes on with what waits once the piece before has done what it does at once, as long as the turn is not over. */
  #go(): void {
    if (this.#going) return
    this.#going = true
    queueMicrotask(() =>
      queueMicrotask(() => {
        this.#going = false
        if (this.#waiting.length === 0 || performance.now() - this.#began >= share) return
        this.#resume()
        this.#go()
      }),
    )
  }

  #resume(): void {
    this.#newest = this.#newestToo && !this.#newest
    const resume = this.#newest ? this.#waiting.pop() : this.#waiting.shift()
    resume?.()
  }
}
