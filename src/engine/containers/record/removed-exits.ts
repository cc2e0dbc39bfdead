import type { EndOfRun } from "./container.ts"
import type { Deliveries } from "./output-clients.ts"

/** The most that are remembered, and for how long, in milliseconds. */
const most = 512
const memory = 30_000

interface Leaving {
  readonly id: string
  readonly state: EndOfRun
  readonly deliveries: Deliveries
}

interface Departure {
  readonly end: EndOfRun
  readonly deliveries: Deliveries
}

/**
 * How containers ended that removed themselves (`--rm`) moments ago. Clients start a container and only then ask for its
 * exit code: a short run here is over and gone before they do.
 */
export class Departed {
  readonly #ends = new Map<string, Departure & { readonly until: number }>()

  remember({ id, state, deliveries }: Leaving): void {
    const now = performance.now()
    for (const [oldest, { until }] of this.#ends) {
      if (this.#ends.size < most && until > now) break
      this.#ends.delete(oldest)
    }
    const end = { exitCode: state.exitCode, error: state.error }
    this.#ends.set(id, { end, deliveries, until: now + memory })
  }

  /** @param id in full */
  find(id: string): Departure | undefined {
    const known = this.#ends.get(id)
    return known && known.until > performance.now() ? known : undefined
  }
}
