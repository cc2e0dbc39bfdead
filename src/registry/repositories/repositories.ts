import { type Descriptor, mediaTypes } from "../../oci/descriptor.ts"
import { type Digest, isDigest } from "../../oci/digest.ts"
import { KeyedMutex } from "../../std/semaphore.ts"
import { lexically } from "../names.ts"
import { isImmutable, type Policy, quotaOf } from "../policy.ts"
import { Refusal } from "../refusal.ts"
import type { Storage } from "../storage/contract.ts"
import { Catalog } from "./catalog.ts"
import { fixedContent, immutable, needed } from "./fixed.ts"
import { keys } from "./keys.ts"
import { Links } from "./links.ts"
import { admitManifest, type ManifestFacts, readManifest } from "./manifest.ts"
import { RecentlySeen } from "./recent.ts"
import { Usage } from "./usage.ts"

/** A stored manifest, without its bytes. */
export interface ManifestRecord {
  readonly digest: Digest
  readonly mediaType: string
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly pushedAt: number
  /** The manifest that it is about. */
  readonly subject?: Digest
}

export interface TagRecord extends ManifestRecord {
  readonly tag: string
}

export interface PutManifest {
  readonly repository: string
  readonly digest: Digest
  readonly bytes: Uint8Array
  readonly contentType: string | undefined
  readonly tags: readonly string[]
  /** For a cache: what the manifest refers to may come later. */
  readonly incomplete?: boolean
  /** Called under the repository's lock with what the first tag names now; throws to refuse (conditional requests). */
  readonly precondition?: (current: Digest | undefined) => void
}

/**
 * What is in the repositories, and the rules that hold it together. The order of writing (bytes, referrer, manifest, tag) and its
 * reverse when deleting make that a server killed at any moment leaves nothing that names what is not there.
 */
export class Repositories {
  readonly catalog: Catalog
  readonly usage: Usage
  readonly recent = new RecentlySeen()
  readonly links: Links
  policy: Policy
  readonly #storage: Storage
  readonly #locks = new KeyedMutex()
  readonly #versions = new Map<string, number>()

  constructor(storage: Storage, policy: Policy) {
    this.#storage = storage
    this.policy = policy
    this.catalog = new Catalog(storage.records)
    this.usage = new Usage(storage.blobs)
    this.links = new Links({
      blobs: storage.blobs,
      catalog: this.catalog,
      usage: this.usage,
      recent: this.recent,
      quota: (repository) => quotaOf(this.policy, repository),
    })
  }

  /** Runs `work` while nobody else changes manifests, tags or links of the repository. */
  locked<T>(repository: string, work: () => Promise<T>): Promise<T> {
    return this.#locks.run(repository, work)
  }

  /** Grows with each manifest or tag that is put: whether what was found out about a repository still holds. */
  version(repository: string): number {
    return this.#versions.get(repository) ?? 0
  }

  /** @returns undefined when the repository has no such manifest */
  async manifest(repository: string, digest: Digest): Promise<ManifestRecord | undefined> {
    const record = await this.#storage.records.get(keys.manifest(repository, digest))
    if (!record) return undefined
    this.recent.touch(repository, digest)
    return readRecord<ManifestRecord>(record)
  }

  /** What a tag names. */
  async tag(repository: string, tag: string): Promise<TagRecord | undefined> {
    const record = await this.#storage.records.get(keys.tag(repository, tag))
    return record && { ...readRecord<ManifestRecord>(record), tag }
  }

  /** The bytes of a manifest. */
  async bytes(repository: string, digest: Digest): Promise<Uint8Array | undefined> {
    await using reader = await this.#storage.blobs.open(repository, digest)
    if (!reader) return undefined
    const bytes = new Uint8Array(reader.size)
    let at = 0
    for await (const part of reader.stream(0, reader.size)) {
      bytes.set(part, at)
      at += part.length
    }
    return bytes
  }

  /** Stores a manifest whose digest was checked. @throws Refusal as the specification says */
  async put(request: PutManifest): Promise<ManifestFacts> {
    const { repository, digest, bytes } = request
    const facts = admitManifest(bytes, request.contentType)
    return await this.locked(repository, async () => {
      for (const tag of request.tags) await this.#mayMove(repository, tag, digest, facts.mediaType)
      await this.#mayRetype(repository, digest, facts.mediaType)
      request.precondition?.(request.tags[0] ? (await this.tag(repository, request.tags[0]))?.digest : undefined)
      if (!request.incomplete) await this.#complete(repository, facts)
      await this.catalog.add(repository)
      this.recent.touch(repository, digest)
      const { records } = this.#storage
      const record: ManifestRecord = {
        digest,
        mediaType: facts.mediaType,
        size: bytes.length,
        pushedAt: Date.now(),
        ...(facts.subject ? { subject: facts.subject } : {}),
      }
      const text = JSON.stringify(record)
      await Promise.all([
        this.links.put(repository, digest, bytes),
        facts.subject
          ? records.put(keys.referrer(repository, facts.subject, digest), JSON.stringify(referrer(record, facts)))
          : undefined,
      ])
      await records.put(keys.manifest(repository, digest), text)
      for (const tag of request.tags) await records.put(keys.tag(repository, tag), text)
      this.#versions.set(repository, this.version(repository) + 1)
      if (request.tags.length > 0) this.#tagsChanged(repository)
      return facts
    })
  }

  /** The tags in lexical order. */
  async tags(repository: string): Promise<readonly string[]> {
    return [...(await this.#storage.records.list(keys.tags(repository)))].sort(lexically)
  }

  async *tagRecords(repository: string): AsyncIterable<TagRecord> {
    for (const tag of await this.tags(repository)) {
      const record = await this.tag(repository, tag)
      if (record) yield record
    }
  }

  async *manifests(repository: string): AsyncIterable<ManifestRecord> {
    for (const digest of await this.#storage.records.list(keys.manifests(repository))) {
      const record = isDigest(digest) ? await this.#storage.records.get(keys.manifest(repository, digest)) : undefined
      if (record) yield readRecord<ManifestRecord>(record)
    }
  }

  /** Descriptors of the manifests that are about `subject` (OCI distribution, "Listing Referrers"). */
  async referrers(repository: string, subject: Digest): Promise<readonly Descriptor[]> {
    const { records } = this.#storage
    const own = await records.list(keys.referrers(repository, subject))
    const found = new Map<Digest, Descriptor>()
    for (const digest of [...own].sort()) {
      const text = isDigest(digest) ? await records.get(keys.referrer(repository, subject, digest)) : undefined
      if (text) found.set(digest as Digest, readRecord<Descriptor>(text))
    }
    for (const descriptor of await this.#tagged(repository, subject)) {
      if (!found.has(descriptor.digest)) found.set(descriptor.digest, descriptor)
    }
    return [...found.values()]
  }

  /** @returns whether there was such a tag. @throws Refusal DENIED for an immutable one */
  deleteTag(repository: string, tag: string): Promise<boolean> {
    return this.locked(repository, async () => {
      if (isImmutable(this.policy, repository, tag)) throw immutable(repository, tag)
      const deleted = await this.#storage.records.delete(keys.tag(repository, tag))
      if (deleted) this.#tagsChanged(repository)
      return deleted
    })
  }

  /**
   * Deletes a manifest and the tags that name it. @returns whether there was one.
   * @throws Refusal DENIED for one that an immutable tag leads to
   */
  deleteManifest(repository: string, digest: Digest): Promise<boolean> {
    return this.locked(repository, async () => {
      await this.#mayGo(repository, digest)
      return await this.deleteManifestLocked(repository, digest)
    })
  }

  /** As `deleteManifest`, for a caller that holds the repository's lock and knows that no tag leads to the manifest. */
  async deleteManifestLocked(repository: string, digest: Digest): Promise<boolean> {
    const { records } = this.#storage
    const manifest = await this.manifest(repository, digest)
    if (!manifest) return false
    const tags: string[] = []
    for await (const record of this.tagRecords(repository)) if (record.digest === digest) tags.push(record.tag)
    for (const tag of tags) await records.delete(keys.tag(repository, tag))
    if (manifest.subject) await records.delete(keys.referrer(repository, manifest.subject, digest))
    await records.delete(keys.manifest(repository, digest))
    await this.links.drop(repository, digest)
    if (tags.length > 0) this.#tagsChanged(repository)
    return true
  }

  /**
   * @returns whether there was one
   * @throws Refusal UNSUPPORTED for a manifest's bytes, DENIED for what an immutable tag needs
   */
  deleteBlob(repository: string, digest: Digest): Promise<boolean> {
    return this.locked(repository, async () => {
      if (await this.#storage.records.get(keys.manifest(repository, digest))) {
        throw new Refusal("UNSUPPORTED", `${digest} is a manifest: delete it as one`)
      }
      await this.#mayGo(repository, digest)
      return await this.links.drop(repository, digest)
    })
  }

  /**
   * Takes a blob that no manifest needs out of a repository, unless a client was told of it at `before` (milliseconds since the
   * epoch) or later.
   * @returns whether it is out
   */
  dropUnused(repository: string, digest: Digest, before: number): Promise<boolean> {
    return this.locked(repository, () => this.links.drop(repository, digest, before))
  }

  /** What a stored manifest says. */
  async facts(repository: string, record: ManifestRecord): Promise<ManifestFacts | undefined> {
    const bytes = await this.bytes(repository, record.digest)
    return bytes && readManifest(bytes, record.mediaType)
  }

  /** Referrers that a client of an older registry listed under a tag (OCI distribution, "Referrers Tag Schema"). */
  async #tagged(repository: string, subject: Digest): Promise<readonly Descriptor[]> {
    const index = await this.tag(repository, subject.replace(":", "-").slice(0, 71))
    if (!index || index.mediaType !== mediaTypes.ociIndex) return []
    const listed = await this.facts(repository, index)
    const found: Descriptor[] = []
    for (const digest of listed?.manifests ?? []) {
      const record = await this.manifest(repository, digest)
      const facts = record && (await this.facts(repository, record))
      if (record && facts?.subject === subject) found.push(referrer(record, facts))
    }
    return found
  }

  /** @throws Refusal DENIED when an immutable tag names, or would be served as, something else */
  async #mayMove(repository: string, tag: string, digest: Digest, mediaType: string): Promise<void> {
    if (!isImmutable(this.policy, repository, tag)) return
    const current = await this.tag(repository, tag)
    if (current && (current.digest !== digest || current.mediaType !== mediaType)) throw immutable(repository, tag)
  }

  /** @throws Refusal DENIED when the bytes are there as another type and an immutable tag leads to them */
  async #mayRetype(repository: string, digest: Digest, mediaType: string): Promise<void> {
    const known = await this.manifest(repository, digest)
    if (known && known.mediaType !== mediaType) await this.#mayGo(repository, digest)
  }

  /** @throws Refusal DENIED for what an immutable tag leads to */
  async #mayGo(repository: string, digest: Digest): Promise<void> {
    const tag = (await fixedContent(this, repository)).get(digest)
    if (tag !== undefined) throw needed(repository, tag, digest)
  }

  /** @throws Refusal MANIFEST_BLOB_UNKNOWN for parts that the repository does not have */
  async #complete(repository: string, facts: ManifestFacts): Promise<void> {
    const missing: Digest[] = []
    for (const { digest, required } of facts.blobs) {
      this.recent.touch(repository, digest)
      if (await this.#storage.blobs.stat(repository, digest)) continue
      // What is not there needs no memory: a client could name any number of digests.
      this.recent.drop(repository, digest)
      if (required) missing.push(digest)
    }
    for (const digest of facts.manifests) {
      const there = await this.manifest(repository, digest)
      if (!there) missing.push(digest)
    }
    if (missing.length === 0 || this.policy.sparse) return
    const [named, more] = [missing.slice(0, mostNamed), missing.length - mostNamed]
    const list = `${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`
    throw new Refusal(
      "MANIFEST_BLOB_UNKNOWN",
      `the manifest refers to what repository ${repository} does not have: push ${list} first`,
      { detail: named.map((digest) => ({ digest })) },
    )
  }

  #tagsChanged(repository: string): void {
    this.#storage.tagsChanged(repository, async () => {
      const manifests: Descriptor[] = []
      for await (const { tag, digest, mediaType, size } of this.tagRecords(repository)) {
        manifests.push({ mediaType, digest, size, annotations: { "org.opencontainers.image.ref.name": tag } })
      }
      return JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })
    })
  }
}

/** How many missing parts of a manifest a refusal names. */
const mostNamed = 20

/** The descriptor under which a manifest is listed as a referrer. */
function referrer(record: ManifestRecord, facts: ManifestFacts): Descriptor {
  return {
    mediaType: record.mediaType,
    digest: record.digest,
    size: record.size,
    ...(facts.artifactType ? { artifactType: facts.artifactType } : {}),
    ...(facts.annotations ? { annotations: facts.annotations } : {}),
  }
}

const readRecord = <T>(bytes: Uint8Array): T => JSON.parse(Buffer.from(bytes).toString("utf8")) as T
