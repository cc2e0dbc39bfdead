import type { Digest } from "../../oci/digest.ts"
import { isImmutable } from "../policy.ts"
import type { ManifestFacts } from "../repositories/manifest.ts"
import type { ManifestRecord, Repositories, TagRecord } from "../repositories/repositories.ts"
import type { Storage } from "../storage/contract.ts"
import type { Uploads } from "../uploads/uploads.ts"
import { expired, type RetentionRule } from "./retention.ts"

/** Milliseconds, except `untagged`. */
export interface GcSettings {
  /** Between two runs; 0 for never. */
  readonly interval: number
  /** What nothing refers to stays for this long after it came or was last asked for. */
  readonly grace: number
  /** Uploads that nobody goes on with are given up after this. */
  readonly uploads: number
  /** Whether manifests go that no tag, index or subject leads to. */
  readonly untagged: boolean
}

/** What one run did. */
export interface Collected {
  readonly tags: number
  readonly manifests: number
  /** Links of repositories to blobs. */
  readonly links: number
  readonly uploads: number
  /** Blobs freed, and their bytes. */
  readonly blobs: number
  readonly bytes: number
}

interface Known {
  readonly record: ManifestRecord
  readonly facts: ManifestFacts
}

/**
 * Collects garbage while the registry serves. A run marks what each repository's manifests need and takes away other links that
 * are older than the grace; each is looked at again under the repository's lock, where pushing a manifest marks what it needs as
 * seen. Uploads in progress are files of their own and no matter of blobs. Bytes go when no repository links them.
 */
export class Collector {
  readonly #storage: Storage
  readonly #repositories: Repositories
  readonly #uploads: Uploads
  #running: Promise<Collected> | undefined

  constructor(parts: { readonly storage: Storage; readonly repositories: Repositories; readonly uploads: Uploads }) {
    this.#storage = parts.storage
    this.#repositories = parts.repositories
    this.#uploads = parts.uploads
  }

  /** Runs once; who calls while a run is under way gets its result. */
  collect(settings: GcSettings, retention: readonly RetentionRule[]): Promise<Collected> {
    this.#running ??= this.#collect(settings, retention).finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #collect(settings: GcSettings, retention: readonly RetentionRule[]): Promise<Collected> {
    const now = Date.now()
    const before = now - settings.grace
    let tags = 0
    let manifests = 0
    let links = 0
    const uploads = await this.#uploads.purge(now - settings.uploads)
    for (const repository of await this.#repositories.catalog.list()) {
      tags += await this.#expire(repository, retention, now)
      if (settings.untagged) manifests += await this.#sweepManifests(repository, before)
      links += await this.#sweepLinks(repository, before)
      await this.#forgetEmpty(repository, before)
    }
    this.#repositories.recent.forget(before)
    return { tags, manifests, links, uploads, ...(await this.#storage.blobs.sweep()) }
  }

  async #expire(repository: string, retention: readonly RetentionRule[], now: number): Promise<number> {
    if (retention.length === 0) return 0
    const { policy } = this.#repositories
    let gone = 0
    for (const { tag } of expired(retention, repository, await this.#tags(repository), now)) {
      if (isImmutable(policy, repository, tag)) continue
      if (await this.#repositories.deleteTag(repository, tag)) gone++
    }
    return gone
  }

  async #sweepManifests(repository: string, before: number): Promise<number> {
    const repositories = this.#repositories
    const mark = async () => {
      const version = repositories.version(repository)
      const all = await this.#manifests(repository)
      return { version, all, live: reachable(all, await this.#tags(repository)) }
    }
    const { recent } = repositories
    let marked = await mark()
    let gone = 0
    for (const { record } of [...marked.all.values()]) {
      const { digest } = record
      if (marked.live.has(digest) || record.pushedAt >= before || recent.has(repository, digest, before)) continue
      const deleted = await repositories.locked(repository, async () => {
        // A manifest that came meanwhile may lead to this one, through any number of indexes.
        if (repositories.version(repository) !== marked.version) marked = await mark()
        if (marked.live.has(digest) || recent.has(repository, digest, before)) return false
        return await repositories.deleteManifestLocked(repository, digest)
      })
      if (deleted) gone++
    }
    return gone
  }

  async #sweepLinks(repository: string, before: number): Promise<number> {
    const needed = new Set<Digest>()
    for (const { record, facts } of (await this.#manifests(repository)).values()) {
      needed.add(record.digest)
      for (const { digest } of facts.blobs) needed.add(digest)
    }
    let gone = 0
    for await (const { digest, linkedAt } of this.#storage.blobs.list(repository)) {
      if (needed.has(digest) || linkedAt >= before) continue
      if (await this.#repositories.dropUnused(repository, digest, before)) gone++
    }
    return gone
  }

  /** A repository with nothing in it is no repository any more. */
  async #forgetEmpty(repository: string, before: number): Promise<void> {
    await this.#repositories.locked(repository, async () => {
      if (this.#repositories.catalog.addedSince(repository, before)) return
      if ((await this.#repositories.tags(repository)).length > 0) return
      for await (const _ of this.#repositories.manifests(repository)) return
      for await (const _ of this.#storage.blobs.list(repository)) return
      await this.#repositories.catalog.remove(repository)
      this.#repositories.usage.forget(repository)
      await this.#storage.forget(repository)
    })
  }

  async #tags(repository: string): Promise<readonly TagRecord[]> {
    const tags: TagRecord[] = []
    for await (const record of this.#repositories.tagRecords(repository)) tags.push(record)
    return tags
  }

  async #manifests(repository: string): Promise<ReadonlyMap<Digest, Known>> {
    const all = new Map<Digest, Known>()
    for await (const record of this.#repositories.manifests(repository)) {
      const facts = await this.#repositories.facts(repository, record)
      if (facts) all.set(record.digest, { record, facts })
    }
    return all
  }
}

/** The manifests that tags lead to: through indexes downwards, and from subjects to what is about them. */
function reachable(all: ReadonlyMap<Digest, Known>, tags: readonly TagRecord[]): ReadonlySet<Digest> {
  const about = new Map<Digest, Digest[]>()
  for (const { record, facts } of all.values()) {
    if (facts.subject) about.set(facts.subject, [...(about.get(facts.subject) ?? []), record.digest])
  }
  const live = new Set<Digest>()
  const waiting = tags.map((tag) => tag.digest)
  for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
    if (live.has(digest)) continue
    live.add(digest)
    waiting.push(...(all.get(digest)?.facts.manifests ?? []), ...(about.get(digest) ?? []))
  }
  return live
}
