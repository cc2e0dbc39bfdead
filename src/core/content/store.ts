import { randomUUID } from "node:crypto"
import { constants, open, rename, stat, writeFile } from "node:fs/promises"
import { Failure } from "../../errors/failure.ts"
import { type Digest, digestOf, isDigest } from "../../oci/digest.ts"
import { nowNanos } from "../../std/clock.ts"
import { KeyedMutex } from "../../std/semaphore.ts"
import type { EventBus } from "../events/contract.ts"
import { anyOf, type FieldOf, labelAt } from "../filters/filter.ts"
import { protect } from "../leases/protect.ts"
import type { MetadataDatabase } from "../metadata/database.ts"
import { type Labels, mergeLabels, updatedLabels } from "../metadata/labels.ts"
import type { Scope } from "../scope.ts"
import type { BlobReader, ContentInfo, ContentStore, Ingest, IngestStatus } from "./contract.ts"
import { ContentFiles, explainFullDisk } from "./files.ts"
import { FileIngest, type PublishOptions } from "./ingest.ts"
import { FileReader } from "./reader.ts"
import { onceOnly } from "./store-stream.ts"

interface BlobRow {
  readonly digest: string
  readonly size: bigint
  readonly labels: string
  readonly created_at: bigint
  readonly updated_at: bigint
}

interface IngestRow {
  readonly id: bigint
  readonly namespace: string
  readonly ref: string
  readonly total: bigint
  readonly expected: string | null
  readonly started_at: bigint
}

/**
 * Blobs as files, their rows per namespace in the database, the bytes shared. Order of a commit: file synced, renamed,
 * directory synced, row; of a removal: row, file. So a row always has its bytes, whenever the process or the power goes;
 * files without a row are deleted when the store is opened, and so is what was not synced and a loss of power has cut off: file
 * systems write a file's length after its bytes.
 *
 * Publishes `/content/create` and `/content/delete`. Everything a scope with a lease looks up or writes comes under that lease.
 */
export class DiskContentStore implements ContentStore {
  readonly #database: MetadataDatabase
  readonly #events: EventBus
  readonly #files: ContentFiles
  readonly #digests = new KeyedMutex()
  readonly #open = new Set<bigint>()

  private constructor(database: MetadataDatabase, events: EventBus, directory: string) {
    this.#database = database
    this.#events = events
    this.#files = new ContentFiles(directory)
  }

  /** Opens the store in `directory` and clears away what a crash has left. */
  static async open(database: MetadataDatabase, events: EventBus, directory: string): Promise<DiskContentStore> {
    const store = new DiskContentStore(database, events, directory)
    await store.#files.prepare()
    await store.#recover()
    return store
  }

  async info(scope: Scope, digest: Digest): Promise<ContentInfo> {
    return toInfo(this.#row(scope, digest))
  }

  async has(scope: Scope, digest: Digest): Promise<boolean> {
    return this.#find(scope, digest) !== undefined
  }

  async *list(scope: Scope, filters?: readonly string[]): AsyncIterable<ContentInfo> {
    const matches = anyOf(filters)
    const rows = this.#database.all<BlobRow>(
      "SELECT * FROM blobs WHERE namespace = ? ORDER BY created_at",
      scope.namespace,
    )
    for (const row of rows) {
      const info = toInfo(row)
      if (matches(fieldsOf(info))) yield info
    }
  }

  async open(scope: Scope, digest: Digest): Promise<BlobReader> {
    const row = this.#row(scope, digest)
    const handle = await open(this.#files.blob(digest), "r").catch((error: unknown) => {
      // Removed between the look at the row and the opening of the file.
      throw (error as { code?: string }).code === "ENOENT" ? notFound(digest) : error
    })
    return new FileReader(handle, Number(row.size))
  }

  async readAll(scope: Scope, digest: Digest, limit = 8 << 20): Promise<Uint8Array> {
    await using reader = await this.open(scope, digest)
    if (reader.size > limit) {
      throw new Failure("tooLarge", `${digest} has ${reader.size} bytes, more than the ${limit} allowed here`)
    }
    return await reader.read(0, reader.size)
  }

  async path(scope: Scope, digest: Digest): Promise<string> {
    this.#row(scope, digest)
    return this.#files.blob(digest)
  }

  async ingest(
    scope: Scope,
    ref: string,
    options: { readonly total?: number; readonly expected?: Digest } = {},
  ): Promise<Ingest> {
    this.#database.assertRoom()
    const row = this.#database.transaction(() => {
      this.#database.ensureNamespace(scope.namespace)
      const known = this.#ingestRow(scope, ref)
      if (known && this.#open.has(known.id)) {
        throw new Failure("unavailable", `${ref} is being written by somebody else; wait for it or use another name`)
      }
      if (!known) {
        this.#database.run(
          "INSERT INTO ingests (namespace, ref, total, expected, started_at) VALUES (?, ?, ?, ?, ?)",
          scope.namespace,
          ref,
          options.total ?? 0,
          options.expected ?? null,
          nowNanos(),
        )
      } else if (options.total !== undefined || options.expected !== undefined) {
        this.#database.run(
          "UPDATE ingests SET total = ?, expected = ? WHERE id = ?",
          options.total ?? known.total,
          options.expected ?? known.expected,
          known.id,
        )
      }
      protect(this.#database, scope, "ingests", ref)
      return this.#ingestRow(scope, ref)!
    })
    this.#open.add(row.id)
    try {
      return await this.#openIngest(row)
    } catch (error) {
      this.#open.delete(row.id)
      throw error
    }
  }

  async *ingests(scope: Scope, filters?: readonly string[]): AsyncIterable<IngestStatus> {
    const matches = anyOf(filters)
    const rows = this.#database.all<IngestRow>("SELECT * FROM ingests WHERE namespace = ? ORDER BY id", scope.namespace)
    for (const row of rows) {
      if (!matches(([field, ...path]) => (field === "ref" && path.length === 0 ? row.ref : undefined))) continue
      const file = await stat(this.#files.ingest(String(row.id)), { bigint: true }).catch(() => undefined)
      yield {
        ref: row.ref,
        offset: Number(file?.size ?? 0),
        total: Number(row.total),
        startedAt: row.started_at,
        updatedAt: file?.mtimeNs ?? row.started_at,
      }
    }
  }

  async abort(scope: Scope, ref: string): Promise<void> {
    const row = this.#ingestRow(scope, ref)
    if (!row) throw new Failure("notFound", `there is no uncommitted write ${ref}`)
    if (this.#open.has(row.id)) {
      throw new Failure("unavailable", `${ref} is being written; it can be deleted when its writer has ended`)
    }
    await this.#discard(row)
  }

  async put(scope: Scope, bytes: Uint8Array, labels: Labels = {}): Promise<ContentInfo> {
    const digest = digestOf(bytes)
    if (this.#find(scope, digest)) return await this.label(scope, digest, labels)
    const file = this.#files.ingest(`put-${randomUUID()}`)
    try {
      await writeFile(file, bytes, { flag: "wx", mode: 0o600, flush: true })
      return await this.#publish(scope, file, digest, bytes.length, { labels })
    } catch (error) {
      await this.#files.delete(file)
      if (error instanceof Failure && error.kind === "alreadyExists") return await this.label(scope, digest, labels)
      throw explainFullDisk(error, digest, this.#files.directory)
    }
  }

  async label(scope: Scope, digest: Digest, labels: Labels): Promise<ContentInfo> {
    return this.#setLabels(scope, digest, (before) => mergeLabels(before, labels))
  }

  async updateLabels(scope: Scope, digest: Digest, labels: Labels, paths?: readonly string[]): Promise<ContentInfo> {
    return this.#setLabels(scope, digest, (before) => updatedLabels(before, labels, paths, `content ${digest}`))
  }

  #setLabels(scope: Scope, digest: Digest, change: (labels: Labels) => Labels): ContentInfo {
    return this.#database.transaction(() => {
      const row = this.#row(scope, digest)
      this.#database.run(
        "UPDATE blobs SET labels = ?, updated_at = ? WHERE namespace = ? AND digest = ?",
        JSON.stringify(change(JSON.parse(row.labels) as Labels)),
        nowNanos(),
        scope.namespace,
        digest,
      )
      return toInfo(this.#row(scope, digest))
    })
  }

  async remove(scope: Scope, digest: Digest): Promise<void> {
    if (!this.removeRow(scope.namespace, digest)) throw notFound(digest)
    await this.deleteUnowned(digest)
  }

  /** Takes the blob from the namespace, without its bytes. @returns whether it had it */
  removeRow(namespace: string, digest: Digest): boolean {
    const { changes } = this.#database.run("DELETE FROM blobs WHERE namespace = ? AND digest = ?", namespace, digest)
    if (changes === 0) return false
    this.#database.afterCommit(() => this.#events.publish({ namespace }, "/content/delete", { digest }))
    return true
  }

  /** The file of `digest`, whether or not there is one. */
  file(digest: Digest): string {
    return this.#files.blob(digest)
  }

  /** Deletes the bytes of `digest` unless a namespace has it. @returns bytes freed */
  async deleteUnowned(digest: Digest): Promise<number> {
    return await this.#digests.run(digest, async () => {
      if (this.#database.first("SELECT 1 FROM blobs WHERE digest = ?", digest)) return 0
      const path = this.#files.blob(digest)
      const size = (await this.#files.size(path)) ?? 0
      await this.#files.delete(path)
      return size
    })
  }

  /** Deletes uncommitted writes of any namespace that nobody holds open, for which `stale` says so. @returns bytes freed */
  async deleteIngests(
    stale: (ingest: { readonly namespace: string; readonly ref: string; readonly updatedAt: bigint }) => boolean,
  ): Promise<number> {
    let bytes = 0
    for (const row of this.#database.all<IngestRow>("SELECT * FROM ingests")) {
      const file = await stat(this.#files.ingest(String(row.id)), { bigint: true }).catch(() => undefined)
      const updatedAt = file?.mtimeNs ?? row.started_at
      if (this.#open.has(row.id) || !stale({ namespace: row.namespace, ref: row.ref, updatedAt })) continue
      await this.#discard(row)
      bytes += Number(file?.size ?? 0)
    }
    return bytes
  }

  async #openIngest(row: IngestRow): Promise<Ingest> {
    const path = this.#files.ingest(String(row.id))
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600)
    const file = await handle.stat({ bigint: true })
    return new FileIngest({
      handle,
      path,
      ref: row.ref,
      offset: Number(file.size),
      total: Number(row.total),
      expected: row.expected !== null && isDigest(row.expected) ? row.expected : undefined,
      startedAt: row.started_at,
      updatedAt: file.mtimeNs,
      owner: {
        publish: (scope, digest, size, options) => this.#publish(scope, path, digest, size, options, row),
        discard: () => this.#discard(row),
        release: () => void this.#open.delete(row.id),
      },
    })
  }

  async #publish(
    scope: Scope,
    file: string,
    digest: Digest,
    size: number,
    { labels, unsynced = false, mediaType = "" }: PublishOptions,
    ingest?: IngestRow,
  ): Promise<ContentInfo> {
    const namespace = ingest?.namespace ?? scope.namespace
    return await this.#digests.run(digest, async () => {
      const target = this.#files.blob(digest)
      const present = this.#find({ namespace, lease: scope.lease }, digest)
      if (!present && (await this.#files.size(target)) !== size) {
        await rename(file, target)
        if (!unsynced) await this.#files.syncDirectoryOf(target)
      }
      const info = this.#database.transaction(() => {
        if (ingest) this.#database.run("DELETE FROM ingests WHERE id = ?", ingest.id)
        if (present) return undefined
        this.#database.ensureNamespace(namespace)
        const now = nowNanos()
        this.#database.run(
          "INSERT INTO blobs (namespace, digest, size, labels, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
          namespace,
          digest,
          size,
          JSON.stringify(labels),
          now,
          now,
        )
        this.#database.afterCommit(() =>
          this.#events.publish({ namespace }, "/content/create", { digest, size, mediaType }),
        )
        return toInfo(this.#row({ namespace, lease: scope.lease }, digest))
      })
      await this.#files.delete(file)
      if (!info) throw new Failure("alreadyExists", `content ${digest} exists already`)
      return info
    })
  }

  async #discard(row: IngestRow): Promise<void> {
    try {
      // Before anything is awaited: a writer that comes meanwhile gets another file.
      this.#database.run("DELETE FROM ingests WHERE id = ?", row.id)
    } finally {
      // Space is freed whether or not the record can be. A record without a file begins anew.
      await this.#files.delete(this.#files.ingest(String(row.id)))
    }
  }

  async #recover(): Promise<void> {
    this.#database.run("DELETE FROM ingests WHERE ref GLOB ?", `${onceOnly}*`)
    const ingests = new Set(this.#database.all<{ id: bigint }>("SELECT id FROM ingests").map((row) => String(row.id)))
    for (const name of await this.#files.ingests()) {
      if (!ingests.delete(name)) await this.#files.delete(this.#files.ingest(name))
    }
    const rows = new Map(
      this.#database
        .all<Pick<BlobRow, "digest" | "size">>("SELECT DISTINCT digest, size FROM blobs")
        .map(({ digest, size }) => [digest, Number(size)]),
    )
    for (const [digest, size] of await this.#files.blobs()) {
      if (rows.get(digest) === size) rows.delete(digest)
      else await this.#files.delete(this.#files.blob(digest))
    }
    this.#database.transaction(() => {
      for (const id of ingests) this.#database.run("DELETE FROM ingests WHERE id = ?", BigInt(id))
      for (const digest of rows.keys()) this.#database.run("DELETE FROM blobs WHERE digest = ?", digest)
    })
  }

  #ingestRow(scope: Scope, ref: string): IngestRow | undefined {
    return this.#database.first("SELECT * FROM ingests WHERE namespace = ? AND ref = ?", scope.namespace, ref)
  }

  #find(scope: Pick<Scope, "namespace" | "lease">, digest: Digest): BlobRow | undefined {
    const row = this.#database.first<BlobRow>(
      "SELECT * FROM blobs WHERE namespace = ? AND digest = ?",
      scope.namespace,
      digest,
    )
    if (row) protect(this.#database, scope, "content", digest)
    return row
  }

  #row(scope: Pick<Scope, "namespace" | "lease">, digest: Digest): BlobRow {
    const row = this.#find(scope, digest)
    if (!row) throw notFound(digest)
    return row
  }
}

const notFound = (digest: Digest) => new Failure("notFound", `content ${digest} is not in the store`)

/** The fields that filters can name. */
const fieldsOf =
  ({ digest, labels }: ContentInfo): FieldOf =>
  ([first, ...path]) => {
    if (first === "labels") return labelAt(labels, path)
    return first === "digest" && path.length === 0 ? digest : undefined
  }

const toInfo = (row: BlobRow): ContentInfo => ({
  digest: row.digest as Digest,
  size: Number(row.size),
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  labels: JSON.parse(row.labels) as Labels,
})
