import type { EndOfRun } from "./container.ts"
import type { OutputClients } from "./output-clients.ts"

/** The largest number of exits that are kept, and for how long, in milliseconds. */
const most = 512
const retention = 30_000

/** The last run of a removed container, and the clients that were attached to it. */
export interface RemovedExit {
  readonly end: EndOfRun
  readonly attached: OutputClients
}

/**
 * Exits of containers that removed themselves (`--rm`) moments ago. Clients start a container and only then ask for its
 * exit code: a short run has ended and is removed before they do.
 */
export class RemovedExits {
  readonly #exits = new Map<string, RemovedExit & { readonly until: number }>()

  /** Keeps the exit of a container that is about to be removed; the oldest entries make room. */
  remember(container: { readonly id: string; readonly state: EndOfRun; readonly attached: OutputClients }): void {
    const { id, state, attached } = container
    const now = performance.now()
    for (const [oldest, { until }] of this.#exits) {
      if (this.#exits.size < most && until > now) break
      this.#exits.delete(oldest)
    }
    const end = { exitCode: state.exitCode, error: state.error }
    this.#exits.set(id, { end, attached, until: now + retention })
  }

  /** @param id in full */
  find(id: string): RemovedExit | undefined {
    const known = this.#exits.get(id)
    return known && known.until > performance.now() ? known : undefined
  }
}
