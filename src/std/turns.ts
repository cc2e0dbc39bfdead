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
