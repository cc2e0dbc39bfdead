import type { Digest } from "../../oci/digest.ts"
import { nowNanos } from "../../std/clock.ts"
import type { LeaseResource } from "../leases/contract.ts"
import type { MetadataDatabase } from "../metadata/database.ts"
import type { SnapshotRows } from "../snapshots/rows-contract.ts"
import type { Collected, GarbageCollector } from "./contract.ts"
import { findGarbage, type Garbage } from "./mark.ts"
import { BlobReferences } from "./references.ts"

/** How the collector reaches bytes. */
export interface CollectedContent {
  file(digest: Digest): string
  /** Takes the blob from the namespace, without its bytes. */
  removeRow(namespace: string, digest: Digest): boolean
  deleteUnowned(digest: Digest): Promise<number>
  deleteIngests(
    stale: (ingest: { readonly namespace: string; readonly ref: string; readonly updatedAt: bigint }) => boolean,
  ): Promise<number>
}

const delay = 100
/** An interrupted download that nobody leases may be resumed for so long. */
const ingestLifetime = 24n * 3_600_000_000_000n

/**
 * Mark and sweep. Marking and the removal of rows happen in one transaction without an await between, so no pull, load
 * or create can come in between; files follow, each checked against the rows again. Documents are read before, while the thread is
 * free for others.
 */
export class MarkAndSweep implements GarbageCollector, AsyncDisposable {
  readonly #database: MetadataDatabase
  readonly #content: CollectedContent
  readonly #rows: SnapshotRows
  readonly #sweepSnapshots: () => Promise<number>
  readonly #expireLeases: () => void
  readonly #onError: (error: unknown) => void
  readonly #references: BlobReferences
  #running: Promise<Collected> | undefined
  #next: Promise<Collected> | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false
  #swept = false
  /** What has no row any more, but bytes. */
  readonly #forgotten = { digests: new Set<Digest>(), snapshots: 0 }

  /**
   * @param options.sweepSnapshots deletes the directories of snapshots without a row and tells the bytes freed
   * @param options.onError told when a scheduled collection fails
   */
  constructor(options: {
    database: MetadataDatabase
    content: CollectedContent
    rows: SnapshotRows
    sweepSnapshots: () => Promise<number>
    expireLeases: () => void
    onError?: (error: unknown) => void
  }) {
    this.#database = options.database
    this.#content = options.content
    this.#rows = options.rows
    this.#sweepSnapshots = options.sweepSnapshots
    this.#expireLeases = options.expireLeases
    this.#onError = options.onError ?? (() => {})
    this.#references = new BlobReferences((digest) => options.content.file(digest))
  }

  collect(): Promise<Collected> {
    if (!this.#running) {
      this.#running = this.#collect().finally(() => {
        this.#running = undefined
      })
      return this.#running
    }
    const again = () => {
      this.#next = undefined
      return this.collect()
    }
    this.#next ??= this.#running.then(again, again)
    return this.#next
  }

  async dropInterrupted(): Promise<number> {
    this.#expireLeases()
    return await this.#content.deleteIngests((ingest) => !this.#isLeased(ingest))
  }

  async forget(): Promise<void> {
    const { digests, snapshots } = await this.#removeRows()
    for (const digest of digests) this.#forgotten.digests.add(digest)
    this.#forgotten.snapshots += snapshots
    this.schedule()
  }

  schedule(): void {
    if (this.#timer || this.#closed) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.collect().catch(this.#onError)
    }, delay)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    while (this.#running) await this.#running.catch(() => {})
  }

  async #collect(): Promise<Collected> {
    const removed = await this.#removeRows()
    const digests = new Set([...this.#forgotten.digests, ...removed.digests])
    const snapshots = this.#forgotten.snapshots + removed.snapshots
    this.#forgotten.digests.clear()
    this.#forgotten.snapshots = 0
    let bytes = 0
    for (const digest of digests) bytes += await this.#content.deleteUnowned(digest)
    const oldest = nowNanos() - ingestLifetime
    bytes += await this.#content.deleteIngests((ingest) => ingest.updatedAt <= oldest && !this.#isLeased(ingest))
    // The first time also for what an earlier life of the daemon had begun to remove.
    if (snapshots > 0 || !this.#swept) bytes += await this.#sweepSnapshots()
    this.#swept = true
    return { blobs: digests.size, snapshots, bytes }
  }

  async #removeRows(): Promise<{ readonly digests: readonly Digest[]; readonly snapshots: number }> {
    this.#expireLeases()
    const digests: Digest[] = []
    let snapshots = 0
    for (const { name } of this.#database.all<{ name: string }>("SELECT name FROM namespaces")) {
      const garbage = await this.#removeGarbage(name)
      digests.push(...garbage.blobs)
      snapshots += garbage.snapshots.length
    }
    const left = this.#database.all<{ digest: Digest }>("SELECT DISTINCT digest FROM blobs")
    this.#references.keepOnly(new Set(left.map((row) => row.digest)))
    return { digests, snapshots }
  }

  async #removeGarbage(namespace: string): Promise<Garbage> {
    for (;;) {
      const found = this.#database.transaction(() => {
        const garbage = findGarbage(this.#database, this.#rows, this.#references, namespace)
        if ("unread" in garbage) return garbage
        for (const digest of garbage.blobs) this.#content.removeRow(namespace, digest)
        for (const key of garbage.snapshots) this.#rows.remove(namespace, key)
        return garbage
      })
      if (!("unread" in found)) return found
      await this.#references.read(found.unread)
    }
  }

  #isLeased({ namespace, ref }: { readonly namespace: string; readonly ref: string }): boolean {
    const type: LeaseResource["type"] = "ingests"
    const sql = "SELECT 1 FROM lease_resources WHERE namespace = ? AND type = ? AND resource = ?"
    return this.#database.first(sql, namespace, type, ref) !== undefined
  }
}
