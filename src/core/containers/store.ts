import { Failure } from "../../errors/failure.ts"
import { nowNanos } from "../../std/clock.ts"
import type { EventBus } from "../events/contract.ts"
import type { EventPayloads, Topic } from "../events/topics.ts"
import { anyOf, type FieldOf, labelAt, orAbsent } from "../filters/filter.ts"
import type { MetadataDatabase } from "../metadata/database.ts"
import { type Labels, updatedLabels } from "../metadata/labels.ts"
import type { Scope } from "../scope.ts"
import type { SnapshotRows } from "../snapshots/rows-contract.ts"
import type { ContainerRecord, ContainerStore, Json, NewContainer } from "./contract.ts"

interface ContainerRow {
  readonly id: string
  readonly image: string | null
  readonly labels: string
  readonly snapshot_key: string | null
  readonly runtime: string
  readonly created_at: bigint
  readonly updated_at: bigint
}

/** Container records as rows. Publishes `/containers/create`, `/containers/update` and `/containers/delete`. */
export class MetadataContainerStore implements ContainerStore {
  readonly #database: MetadataDatabase
  readonly #snapshots: SnapshotRows
  readonly #events: EventBus

  constructor(options: { database: MetadataDatabase; snapshots: SnapshotRows; events: EventBus }) {
    this.#database = options.database
    this.#snapshots = options.snapshots
    this.#events = options.events
  }

  async create(scope: Scope, container: NewContainer): Promise<ContainerRecord> {
    const { namespace } = scope
    this.#database.assertRoom()
    return this.#database.transaction(() => {
      this.#database.ensureNamespace(namespace)
      const { snapshot } = container
      if (snapshot) {
        this.#snapshots.create(namespace, "active", snapshot.key, snapshot.parent, { labels: snapshot.labels })
      }
      const now = nowNanos()
      const { changes } = this.#database.run(
        `INSERT OR IGNORE INTO containers (namespace, id, image, labels, snapshot_key, runtime, created_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        namespace,
        container.id,
        container.image ?? null,
        JSON.stringify(container.labels ?? {}),
        snapshot?.key ?? null,
        container.runtime,
        now,
        now,
      )
      if (changes === 0) throw new Failure("alreadyExists", `container ${container.id} exists already`)
      for (const [name, value] of Object.entries(container.extensions ?? {})) {
        this.#putExtension(scope, container.id, name, value)
      }
      const { id, image = "", runtime } = container
      this.#publish(scope, "/containers/create", { id, image, runtime: { name: runtime } })
      // Not read back: an extension may have megabytes.
      return {
        id: container.id,
        ...(container.image === undefined ? {} : { image: container.image }),
        labels: container.labels ?? {},
        ...(snapshot ? { snapshotKey: snapshot.key } : {}),
        runtime: container.runtime,
        extensions: container.extensions ?? {},
        createdAt: now,
        updatedAt: now,
      }
    })
  }

  async get(scope: Scope, id: string): Promise<ContainerRecord> {
    return this.#get(scope, id)
  }

  async list(scope: Scope, filters?: readonly string[]): Promise<readonly ContainerRecord[]> {
    const matches = anyOf(filters)
    const extensions = new Map<string, Record<string, Json>>()
    for (const row of this.#database.all<{ container: string; name: string; value: string }>(
      "SELECT container, name, value FROM container_extensions WHERE namespace = ?",
      scope.namespace,
    )) {
      const own = extensions.get(row.container) ?? {}
      own[row.name] = JSON.parse(row.value) as Json
      extensions.set(row.container, own)
    }
    return this.#database
      .all<ContainerRow>("SELECT * FROM containers WHERE namespace = ? ORDER BY created_at", scope.namespace)
      .map((row) => toRecord(row, extensions.get(row.id) ?? {}))
      .filter((record) => matches(fieldsOf(record)))
  }

  async setExtension(scope: Scope, id: string, name: string, value: Json): Promise<void> {
    this.#database.transaction(() => {
      this.#touch(scope, id)
      this.#putExtension(scope, id, name, value)
    })
  }

  async updateLabels(scope: Scope, id: string, given: Labels, paths?: readonly string[]): Promise<ContainerRecord> {
    return this.#database.transaction(() => {
      this.#touch(scope, id)
      this.#database.run(
        "UPDATE containers SET labels = ? WHERE namespace = ? AND id = ?",
        JSON.stringify(updatedLabels(this.#get(scope, id).labels, given, paths, `container ${id}`)),
        scope.namespace,
        id,
      )
      const record = this.#get(scope, id)
      const { image = "", labels, snapshotKey = "" } = record
      this.#publish(scope, "/containers/update", { id, image, labels, snapshot_key: snapshotKey })
      return record
    })
  }

  async remove(scope: Scope, id: string): Promise<void> {
    this.#database.transaction(() => {
      // Its extensions, which may have megabytes, are not read for it.
      const row = this.#row(scope, id)
      if (!row) throw unknown(id)
      const snapshotKey = row.snapshot_key
      this.#database.run("DELETE FROM containers WHERE namespace = ? AND id = ?", scope.namespace, id)
      if (snapshotKey !== null && this.#snapshots.find(scope.namespace, snapshotKey)) {
        this.#snapshots.remove(scope.namespace, snapshotKey)
      }
      this.#publish(scope, "/containers/delete", { id })
    })
  }

  flushed(): Promise<void> {
    return this.#database.flushed()
  }

  #row(scope: Scope, id: string): ContainerRow | undefined {
    return this.#database.first("SELECT * FROM containers WHERE namespace = ? AND id = ?", scope.namespace, id)
  }

  #get(scope: Scope, id: string): ContainerRecord {
    const row = this.#row(scope, id)
    if (!row) throw unknown(id)
    const extensions = this.#database.all<{ name: string; value: string }>(
      "SELECT name, value FROM container_extensions WHERE namespace = ? AND container = ?",
      scope.namespace,
      id,
    )
    return toRecord(row, Object.fromEntries(extensions.map(({ name, value }) => [name, JSON.parse(value) as Json])))
  }

  #touch(scope: Scope, id: string): void {
    const { changes } = this.#database.run(
      "UPDATE containers SET updated_at = ? WHERE namespace = ? AND id = ?",
      nowNanos(),
      scope.namespace,
      id,
    )
    if (changes === 0) throw unknown(id)
  }

  #putExtension(scope: Scope, id: string, name: string, value: Json): void {
    this.#database.run(
      `INSERT INTO container_extensions (namespace, container, name, value) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET value = excluded.value`,
      scope.namespace,
      id,
      name,
      JSON.stringify(value),
    )
  }

  #publish<T extends Topic>(scope: Scope, topic: T, payload: EventPayloads[T]): void {
    this.#database.afterCommit(() => this.#events.publish(scope, topic, payload))
  }
}

const unknown = (id: string) => new Failure("notFound", `container ${id} does not exist`)

/** The fields that filters can name. */
const fieldsOf =
  ({ id, image, runtime, labels }: ContainerRecord): FieldOf =>
  ([first, ...path]) => {
    if (first === "labels") return labelAt(labels, path)
    if (first === "runtime") return path[0] === "name" && path.length === 1 ? orAbsent(runtime) : undefined
    if (path.length > 0) return undefined
    return first === "id" ? id : first === "image" ? orAbsent(image) : undefined
  }

const toRecord = (row: ContainerRow, extensions: Readonly<Record<string, Json>>): ContainerRecord => ({
  id: row.id,
  ...(row.image === null ? {} : { image: row.image }),
  labels: JSON.parse(row.labels) as Labels,
  ...(row.snapshot_key === null ? {} : { snapshotKey: row.snapshot_key }),
  runtime: row.runtime,
  extensions,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})
