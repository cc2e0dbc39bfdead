import type { Digest } from "../../oci/digest.ts"
import { Refusal } from "../refusal.ts"
import type { Blobs } from "../storage/contract.ts"

/** The blobs that a repository links. */
interface Count {
  readonly sizes: Map<Digest, number>
  /** Bytes. */
  total: number
}

/** How many bytes each repository links, counted once and kept up to date. */
export class Usage {
  readonly #blobs: Blobs
  readonly #counts = new Map<string, Promise<Count>>()

  constructor(blobs: Blobs) {
    this.#blobs = blobs
  }

  /** Bytes of the blobs in `repository`, manifests included. */
  async of(repository: string): Promise<number> {
    return (await this.#counted(repository)).total
  }

  /**
   * Counts a blob that is about to be linked, or was just linked; nothing when the repository has it. Check and count are one step:
   * however many claims run at a time, together they stay within the quota.
   * @throws Refusal DENIED when it would exceed `quota` bytes
   */
  async claim(repository: string, digest: Digest, size: number, quota: number | undefined): Promise<void> {
    const count = await (quota === undefined ? this.#counts.get(repository) : this.#counted(repository))
    // Nothing is awaited from here on.
    if (!count || count.sizes.has(digest)) return
    if (quota !== undefined && count.total + size > quota) throw overQuota(repository, quota, count.total, size)
    count.sizes.set(digest, size)
    count.total += size
  }

  /** Takes back a claim whose blob was not linked after all. */
  async settle(repository: string, digest: Digest): Promise<void> {
    if (!(await this.#blobs.stat(repository, digest))) await this.remove(repository, digest)
  }

  async remove(repository: string, digest: Digest): Promise<void> {
    const count = await this.#counts.get(repository)
    if (!count) return
    count.total -= count.sizes.get(digest) ?? 0
    count.sizes.delete(digest)
  }

  forget(repository: string): void {
    this.#counts.delete(repository)
  }

  #counted(repository: string): Promise<Count> {
    let count = this.#counts.get(repository)
    if (!count) {
      count = this.#count(repository)
      this.#counts.set(repository, count)
      count.catch(() => this.#counts.delete(repository))
    }
    return count
  }

  async #count(repository: string): Promise<Count> {
    const sizes = new Map<Digest, number>()
    let total = 0
    for await (const { digest } of this.#blobs.list(repository)) {
      const info = await this.#blobs.stat(repository, digest)
      if (!info) continue
      sizes.set(digest, info.size)
      total += info.size
    }
    return { sizes, total }
  }
}

/** The refusal of `wanted` bytes more than the `used` ones of a repository. */
export function overQuota(repository: string, quota: number, used: number, wanted: number): Refusal {
  const room = Math.max(0, quota - used)
  return new Refusal(
    "DENIED",
    `repository ${repository} has a quota of ${quota} bytes with ${room} left, ${wanted} more were to be stored: delete tags that are not needed or ask for a larger quota`,
    { detail: { quota, room, wanted } },
  )
}
