/** Milliseconds after a run's end that a client which does not read what it is sent is waited for. */
const patience = 2_000

/**
 * Clients that are being sent what a container says. Who waits for the end of a run is answered after those who were attached
 * to it have its output: programs print or look at what they got as soon as the exit code is there.
 */
export class Deliveries {
  readonly #underWay = new Set<Promise<void>>()
  #ofLastRun: Promise<unknown> = Promise.resolve()

  /** A client is attached. @returns what to call when it has everything, or has gone */
  begin(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#underWay.add(promise)
    return () => {
      this.#underWay.delete(promise)
      resolve()
    }
  }

  /** A run has ended: who is attached now is attached to it. */
  endRun(): void {
    if (this.#underWay.size === 0) return
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, patience)
    this.#ofLastRun = Promise.race([Promise.all(this.#underWay), late]).finally(() => clearTimeout(timer))
  }

  /** Resolves when the clients of the last run that ended have its output. */
  made(): Promise<unknown> {
    return this.#ofLastRun
  }
}
