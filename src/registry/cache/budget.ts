import type { Digest } from "../../oci/digest.ts"
import type { Repositories } from "../repositories/repositories.ts"
import type { Freed, Storage } from "../storage/contract.ts"

/** The part of the budget that is left after blobs went: so that not each further blob looks for what has to go. */
const lowWater = 0.9
/** Where the times of use are kept over restarts. */
const record = "cache/uses"

interface CachedBlob {
  readonly size: number
  readonly repositories: Set<string>
  /** Milliseconds since the epoch. */
  readonly usedAt: number
}

export interface BudgetParts {
  readonly storage: Storage
  readonly repositories: Repositories
  /** Whether a repository is of the cache. */
  readonly covers: (repository: string) => boolean
  /** The budget in bytes; undefined for none. */
  readonly bytes: () => number | undefined
  /** Told what went. */
  readonly evicted: (freed: Freed) => void
  /** Told when nothing could go. */
  readonly failed: (error: unknown) => void
}

/**
 * Holds what is kept of other registries within so many bytes: blobs that were not asked for the longest go first, while the registry
 * serves. Their manifests stay, and a blob that is asked for again is fetched again.
 */
export class CacheBudget implements AsyncDisposable {
  readonly #parts: BudgetParts
  readonly #uses = new Map<string, number>()
  /** Bytes of the cache, or more; undefined before the first look. */
  #total: number | undefined
  /** Whether something came during a look, which may not have seen it. */
  #again = false
  #running: Promise<void> | undefined

  constructor(parts: BudgetParts) {
    this.#parts = parts
  }

  /** A blob was asked for. */
  used(digest: Digest): void {
    if (this.#parts.bytes() !== undefined) this.#uses.set(digest, Date.now())
  }

  /** A blob of so many bytes came. */
  added(digest: Digest, size: number): void {
    this.used(digest)
    this.#again ||= this.#running !== undefined
    if (this.#total !== undefined) this.#total += size
    this.check()
  }

  /** Looks in the background whether there is too much, and lets go what is. */
  check(): void {
    const budget = this.#parts.bytes()
    if (budget === undefined || (this.#total !== undefined && this.#total <= budget)) return
    this.#running ??= this.#evict(budget)
      .catch(this.#parts.failed)
      .finally(() => {
        this.#running = undefined
        if (!this.#again) return
        this.#again = false
        this.check()
      })
  }

  /** Remembers for the next start what was used when. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#running) await this.#running
    if (this.#parts.bytes() !== undefined && this.#uses.size > 0) await this.#remember()
  }

  async #evict(budget: number): Promise<void> {
    const { repositories, storage, evicted } = this.#parts
    const blobs = await this.#measure()
    let total = 0
    for (const { size } of blobs.values()) total += size
    // What came meanwhile may have been seen or not: the next look knows.
    this.#total = this.#again ? Number.POSITIVE_INFINITY : total
    if (total <= budget) return
    // What alone is too large must not drive out all the rest.
    const order = [...blobs].sort(
      ([, one], [, other]) => Number(other.size > budget) - Number(one.size > budget) || one.usedAt - other.usedAt,
    )
    for (const [digest, blob] of order) {
      if (total <= budget * lowWater) break
      for (const repository of blob.repositories) await repositories.links.drop(repository, digest)
      this.#uses.delete(digest)
      total -= blob.size
      this.#total -= blob.size
    }
    evicted(await storage.blobs.sweep())
    await this.#remember()
  }

  /** The blobs of the cache, without manifests. */
  async #measure(): Promise<Map<Digest, CachedBlob>> {
    const { repositories, storage, covers } = this.#parts
    if (this.#total === undefined) await this.#recall()
    const found = new Map<Digest, CachedBlob>()
    for (const repository of await repositories.catalog.list()) {
      if (!covers(repository)) continue
      const manifests = new Set<Digest>()
      for await (const { digest } of repositories.manifests(repository)) manifests.add(digest)
      for await (const { digest, linkedAt } of storage.blobs.list(repository)) {
        const known = found.get(digest)
        known?.repositories.add(repository)
        if (known || manifests.has(digest)) continue
        const info = await storage.blobs.stat(repository, digest)
        const usedAt = this.#uses.get(digest) ?? linkedAt
        if (info) found.set(digest, { size: info.size, repositories: new Set([repository]), usedAt })
      }
    }
    for (const digest of this.#uses.keys()) if (!found.has(digest as Digest)) this.#uses.delete(digest)
    return found
  }

  async #remember(): Promise<void> {
    await this.#parts.storage.records.put(record, JSON.stringify(Object.fromEntries(this.#uses)))
  }

  async #recall(): Promise<void> {
    const text = await this.#parts.storage.records.get(record)
    if (!text) return
    const uses = JSON.parse(Buffer.from(text).toString("utf8")) as Readonly<Record<string, number>>
    for (const [digest, usedAt] of Object.entries(uses)) if (!this.#uses.has(digest)) this.#uses.set(digest, usedAt)
  }
}
