/** Milliseconds after the end of a run that a client may take to read its output. */
const readGrace = 2_000

/**
 * Clients that receive a container's output. Clients that wait for the end of a run are answered after the attached ones
 * have its output: programs print or inspect what they received as soon as they know the exit code.
 */
export class OutputClients {
  readonly #connected = new Set<Promise<void>>()
  #lastRunDrained: Promise<unknown> = Promise.resolve()

  /** Registers a client. @returns a function to call when it has all output, or has disconnected; may be called twice */
  add(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#connected.add(promise)
    return () => {
      this.#connected.delete(promise)
      resolve()
    }
  }

  /** Notes that a run has ended: the clients connected now are the ones that {@link drained} waits for. */
  endRun(): void {
    if (this.#connected.size === 0) return
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, readGrace)
    this.#lastRunDrained = Promise.race([Promise.all(this.#connected), late]).finally(() => clearTimeout(timer))
  }

  /** Resolves when the clients of the last ended run have its output, at the latest two seconds after its end. */
  drained(): Promise<unknown> {
    return this.#lastRunDrained
  }
}
