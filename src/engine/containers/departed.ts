import type { EndOfRun } from "./container.ts"

/** The most that are remembered, and for how long, in milliseconds. */
const most = 512
const memory = 30_000

/**
 * How containers ended that removed themselves (`--rm`) moments ago. Clients start a container and only then ask for its
 * exit code: a short run here is over and gone before they do.
 */
export class Departed {
  readonly #ends = new Map<string, { readonly end: EndOfRun; readonly until: number }>()

  remember(id: string, end: EndOfRun): void {
    const now = performance.now()
    for (const [oldest, { until }] of this.#ends) {
      if (this.#ends.size < most && until > now) break
      this.#ends.delete(oldest)
    }
    this.#ends.set(id, { end, until: now + memory })
  }

  /** @param id in full */
  find(id: string): EndOfRun | undefined {
    const known = this.#ends.get(id)
    return known && known.until > performance.now() ? known.end : undefined
  }
}
