import type { Digest } from "../../oci/digest.ts"

/**
 * What clients were told is there, and when. A client that was told will soon push a manifest that needs it, so collection leaves
 * it alone for a while. The server's start counts as such a moment for everything.
 */
export class RecentlySeen {
  readonly #startedAt = Date.now()
  readonly #times = new Map<string, number>()

  touch(repository: string, digest: Digest): void {
    this.#times.set(`${repository}@${digest}`, Date.now())
  }

  /** Whether it was seen at `since` (milliseconds since the epoch) or later. */
  has(repository: string, digest: Digest, since: number): boolean {
    return Math.max(this.#startedAt, this.#times.get(`${repository}@${digest}`) ?? 0) >= since
  }

  /** Forgets a digest that turned out not to be there. */
  drop(repository: string, digest: Digest): void {
    this.#times.delete(`${repository}@${digest}`)
  }

  /** Forgets what was seen before `since`. */
  forget(since: number): void {
    for (const [key, time] of this.#times) if (time < since) this.#times.delete(key)
  }
}
