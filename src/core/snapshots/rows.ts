import { Failure } from "../../errors/failure.ts"
import { nowNanos } from "../../std/clock.ts"
import type { TreeUsage } from "../layers/contract.ts"
import { protect } from "../leases/protect.ts"
import type { MetadataDatabase } from "../metadata/database.ts"
import { type Labels, updatedLabels } from "../metadata/labels.ts"
import type { SnapshotInfo, SnapshotKind } from "./contract.ts"
import type { SnapshotRows } from "./rows-contract.ts"

interface Row {
  readonly id: bigint
  readonly name: string
  readonly kind: SnapshotKind
  readonly parent: bigint | null
  readonly parent_name: string | null
  readonly labels: string
  readonly size: bigint | null
  readonly inodes: bigint | null
  readonly created_at: bigint
  readonly updated_at: bigint
}

/** A snapshot with what names its files. */
export interface SnapshotRecord {
  readonly info: SnapshotInfo
  /** The name of its directory; never used again. */
  readonly id: number
  /** Directories of its parents, nearest first. */
  readonly parents: readonly number[]
  /** Known once it is committed and was asked for. */
  readonly usage?: TreeUsage
}

const columns = `s.*, p.name AS parent_name FROM snapshots s LEFT JOIN snapshots p ON p.id = s.parent`

/** A change of a snapshot's row. `id` names its directory. */
export type SnapshotChange =
  | { readonly change: "prepared"; readonly namespace: string; readonly info: SnapshotInfo }
  | { readonly change: "committed"; readonly namespace: string; readonly info: SnapshotInfo; readonly key: string }
  | { readonly change: "removed"; readonly namespace: string; readonly name: string; readonly id: number }

/** Snapshots as rows. */
export class MetadataSnapshotRows implements SnapshotRows {
  readonly #database: MetadataDatabase
  #changed: (change: SnapshotChange) => void = () => {}

  constructor(database: MetadataDatabase) {
    this.#database = database
  }

  /** Calls `listener` with each change, after its commit. */
  onChanged(listener: (change: SnapshotChange) => void): void {
    this.#changed = listener
  }

  create(
    namespace: string,
    kind: "active" | "view",
    key: string,
    parent: string | undefined,
    options: { readonly labels?: Labels; readonly lease?: string } = {},
  ): SnapshotInfo {
    this.#database.assertRoom()
    return this.#database.transaction(() => {
      this.#database.ensureNamespace(namespace)
      const below = this.#parent(namespace, parent)
      const now = nowNanos()
      const { changes } = this.#database.run(
        `INSERT OR IGNORE INTO snapshots (namespace, name, kind, parent, labels, created_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
        namespace,
        key,
        kind,
        below?.id ?? null,
        JSON.stringify(options.labels ?? {}),
        now,
        now,
      )
      if (changes === 0) throw new Failure("alreadyExists", `snapshot ${key} exists already`)
      protect(this.#database, { namespace, lease: options.lease }, "snapshots", key)
      const info = toInfo(this.#row(namespace, key)!)
      this.#tell({ change: "prepared", namespace, info })
      return info
    })
  }

  find(namespace: string, name: string): SnapshotInfo | undefined {
    const row = this.#row(namespace, name)
    return row && toInfo(row)
  }

  list(namespace: string): readonly SnapshotInfo[] {
    const rows = this.#database.all<Row>(`SELECT ${columns} WHERE s.namespace = ? ORDER BY s.id`, namespace)
    return parentsFirst(rows).map((row) => toInfo(row))
  }

  remove(namespace: string, name: string): void {
    this.#database.transaction(() => {
      const row = this.#row(namespace, name)
      if (!row) throw unknown(name)
      const child = this.#database.first<{ name: string }>(
        "SELECT name FROM snapshots WHERE parent = ? LIMIT 1",
        row.id,
      )
      if (child) throw new Failure("conflict", `snapshot ${name} is the parent of ${child.name}; remove that one first`)
      const user = this.#database.first<{ id: string }>(
        "SELECT id FROM containers WHERE namespace = ? AND snapshot_key = ? LIMIT 1",
        namespace,
        name,
      )
      if (user) throw new Failure("conflict", `snapshot ${name} is used by container ${user.id}; remove that first`)
      this.#database.run("DELETE FROM snapshots WHERE id = ?", row.id)
      this.#database.run(
        "DELETE FROM lease_resources WHERE namespace = ? AND type = 'snapshots' AND resource = ?",
        namespace,
        name,
      )
      this.#tell({ change: "removed", namespace, name, id: Number(row.id) })
    })
  }

  /** The snapshot with its directories. @throws notFound */
  get(namespace: string, name: string): SnapshotRecord {
    const row = this.#row(namespace, name)
    if (!row) throw unknown(name)
    const parents = this.#database.all<{ id: bigint }>(
      `WITH RECURSIVE chain (id, parent, depth) AS (
         SELECT id, parent, 0 FROM snapshots WHERE id = ?
         UNION ALL SELECT s.id, s.parent, depth + 1 FROM snapshots s JOIN chain ON s.id = chain.parent
       ) SELECT id FROM chain WHERE depth > 0 ORDER BY depth`,
      row.id,
    )
    return {
      info: toInfo(row),
      id: Number(row.id),
      parents: parents.map(({ id }) => Number(id)),
      ...(row.size === null ? {} : { usage: { size: Number(row.size), inodes: Number(row.inodes) } }),
    }
  }

  /** Makes the active snapshot `key` the committed one `name`, on top of `parent` when that is given. @throws notFound, alreadyExists, invalidArgument */
  commit(
    namespace: string,
    name: string,
    key: string,
    options: {
      readonly parent?: string
      readonly labels?: Labels
      readonly lease?: string
      readonly usage?: TreeUsage
    } = {},
  ): SnapshotInfo {
    return this.#database.transaction(() => {
      const row = this.#row(namespace, key)
      if (!row) throw unknown(key)
      if (row.kind !== "active") throw new Failure("invalidArgument", `snapshot ${key} is not active`)
      if (name !== key && this.#row(namespace, name)) {
        throw new Failure("alreadyExists", `snapshot ${name} exists already`)
      }
      const below = this.#parent(namespace, options.parent)
      if (below && row.parent !== null && row.parent !== below.id) {
        throw new Failure("invalidArgument", `snapshot ${key} lies on ${row.parent_name}, not on ${options.parent}`)
      }
      this.#database.run(
        "UPDATE snapshots SET name = ?, kind = 'committed', parent = ?, labels = ?, updated_at = ? WHERE id = ?",
        name,
        below?.id ?? row.parent,
        JSON.stringify(options.labels ?? JSON.parse(row.labels)),
        nowNanos(),
        row.id,
      )
      if (options.usage) this.setUsage(Number(row.id), options.usage)
      this.#database.run(
        "DELETE FROM lease_resources WHERE namespace = ? AND type = 'snapshots' AND resource = ?",
        namespace,
        key,
      )
      protect(this.#database, { namespace, lease: options.lease }, "snapshots", name)
      const info = toInfo(this.#row(namespace, name)!)
      this.#tell({ change: "committed", namespace, info, key })
      return info
    })
  }

  /** Changes labels as a field mask says. @throws notFound; invalidArgument */
  updateLabels(namespace: string, name: string, given: Labels, paths?: readonly string[]): SnapshotInfo {
    return this.#database.transaction(() => {
      const row = this.#row(namespace, name)
      if (!row) throw unknown(name)
      const labels = updatedLabels(JSON.parse(row.labels) as Labels, given, paths, `snapshot ${name}`)
      this.#database.run(
        "UPDATE snapshots SET labels = ?, updated_at = ? WHERE id = ?",
        JSON.stringify(labels),
        nowNanos(),
        row.id,
      )
      return toInfo(this.#row(namespace, name)!)
    })
  }

  /** Keeps a snapshot under the caller's lease. */
  hold(namespace: string, name: string, lease: string | undefined): void {
    protect(this.#database, { namespace, lease }, "snapshots", name)
  }

  /** Remembers the usage of a committed snapshot. */
  setUsage(id: number, usage: TreeUsage): void {
    this.#database.run("UPDATE snapshots SET size = ?, inodes = ? WHERE id = ?", usage.size, usage.inodes, id)
  }

  /** The directories of every snapshot of every namespace. */
  directories(): ReadonlySet<number> {
    return new Set(this.#database.all<{ id: bigint }>("SELECT id FROM snapshots").map(({ id }) => Number(id)))
  }

  #tell(change: SnapshotChange): void {
    this.#database.afterCommit(() => this.#changed(change))
  }

  #parent(namespace: string, name: string | undefined): Row | undefined {
    if (name === undefined) return undefined
    const row = this.#row(namespace, name)
    if (!row) throw new Failure("notFound", `parent snapshot ${name} does not exist`)
    if (row.kind !== "committed") throw new Failure("invalidArgument", `parent snapshot ${name} is not committed`)
    return row
  }

  #row(namespace: string, name: string): Row | undefined {
    return this.#database.first<Row>(`SELECT ${columns} WHERE s.namespace = ? AND s.name = ?`, namespace, name)
  }
}

/** A layer that was unpacked before the one below it has the smaller number: depth decides, then age. */
function parentsFirst(rows: readonly Row[]): readonly Row[] {
  const parents = new Map(rows.map(({ id, parent }) => [id, parent]))
  const depths = new Map<bigint, number>()
  const depthOf = (row: Row): number => {
    const above: bigint[] = []
    let at: bigint | null = row.id
    while (at !== null && !depths.has(at)) {
      above.push(at)
      at = parents.get(at) ?? null
    }
    let depth = at === null ? -1 : depths.get(at)!
    for (const id of above.reverse()) depths.set(id, ++depth)
    return depths.get(row.id)!
  }
  return rows
    .map((row) => ({ row, depth: depthOf(row) }))
    .sort((one, other) => one.depth - other.depth)
    .map(({ row }) => row)
}

const unknown = (name: string) => new Failure("notFound", `snapshot ${name} does not exist`)

const toInfo = (row: Row): SnapshotInfo => ({
  name: row.name,
  kind: row.kind,
  ...(row.parent_name === null ? {} : { parent: row.parent_name }),
  labels: JSON.parse(row.labels) as Labels,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})
