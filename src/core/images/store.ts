import { Failure } from "../../errors/failure.ts"
import type { Descriptor } from "../../oci/descriptor.ts"
import type { Digest } from "../../oci/digest.ts"
import { nowNanos } from "../../std/clock.ts"
import type { EventBus } from "../events/contract.ts"
import { anyOf, type FieldOf, labelAt, orAbsent } from "../filters/filter.ts"
import type { MetadataDatabase } from "../metadata/database.ts"
import { type Labels, updatedLabels } from "../metadata/labels.ts"
import type { Scope } from "../scope.ts"
import type { Image, ImageStore } from "./contract.ts"

interface ImageRow {
  readonly name: string
  readonly target: string
  readonly labels: string
  readonly created_at: bigint
  readonly updated_at: bigint
}

/** Image names as rows. Publishes `/images/create`, `/images/update` and `/images/delete`. */
export class MetadataImageStore implements ImageStore {
  readonly #database: MetadataDatabase
  readonly #events: EventBus

  constructor(database: MetadataDatabase, events: EventBus) {
    this.#database = database
    this.#events = events
  }

  async get(scope: Scope, name: string): Promise<Image> {
    const image = this.#find(scope, name)
    if (!image) throw unknown(name)
    return image
  }

  async find(scope: Scope, name: string): Promise<Image | undefined> {
    return this.#find(scope, name)
  }

  async list(scope: Scope, filters?: readonly string[]): Promise<readonly Image[]> {
    const matches = anyOf(filters)
    return this.#database
      .all<ImageRow>("SELECT * FROM images WHERE namespace = ? ORDER BY name", scope.namespace)
      .map(toImage)
      .filter((image) => matches(fieldsOf(image)))
  }

  async pointingTo(scope: Scope, digest: Digest): Promise<readonly Image[]> {
    // A target is short text that has its digest in it: SQLite skips the other rows without decoding them.
    return this.#database
      .all<ImageRow>(
        "SELECT * FROM images WHERE namespace = ? AND instr(target, ?) > 0 ORDER BY name",
        scope.namespace,
        digest,
      )
      .map(toImage)
      .filter((image) => image.target.digest === digest)
  }

  async set(
    scope: Scope,
    name: string,
    target: Descriptor,
    labels?: Labels,
  ): Promise<{ readonly image: Image; readonly previous?: Image }> {
    this.#database.assertRoom()
    const set = this.#database.transaction(() => {
      this.#database.ensureNamespace(scope.namespace)
      const previous = this.#find(scope, name)
      const now = nowNanos()
      this.#database.run(
        `INSERT INTO images (namespace, name, target, labels, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET target = excluded.target, labels = excluded.labels, updated_at = excluded.updated_at`,
        scope.namespace,
        name,
        JSON.stringify(target),
        JSON.stringify(labels ?? previous?.labels ?? {}),
        now,
        now,
      )
      const image = this.#find(scope, name)!
      this.#database.afterCommit(() =>
        this.#events.publish(scope, previous ? "/images/update" : "/images/create", { name, labels: image.labels }),
      )
      return { image, ...(previous ? { previous } : {}) }
    })
    await this.#database.flushed()
    return set
  }

  async updateLabels(scope: Scope, name: string, given: Labels, paths?: readonly string[]): Promise<Image> {
    const image = this.#database.transaction(() => {
      const before = this.#find(scope, name)
      if (!before) throw unknown(name)
      const labels = updatedLabels(before.labels, given, paths, `image ${name}`)
      this.#database.run(
        "UPDATE images SET labels = ?, updated_at = ? WHERE namespace = ? AND name = ?",
        JSON.stringify(labels),
        nowNanos(),
        scope.namespace,
        name,
      )
      this.#database.afterCommit(() => this.#events.publish(scope, "/images/update", { name, labels }))
      return this.#find(scope, name)!
    })
    await this.#database.flushed()
    return image
  }

  async remove(scope: Scope, name: string): Promise<void> {
    const { changes } = this.#database.run("DELETE FROM images WHERE namespace = ? AND name = ?", scope.namespace, name)
    if (changes === 0) throw unknown(name)
    this.#database.afterCommit(() => this.#events.publish(scope, "/images/delete", { name }))
    await this.#database.flushed()
  }

  #find(scope: Scope, name: string): Image | undefined {
    const row = this.#database.first<ImageRow>(
      "SELECT * FROM images WHERE namespace = ? AND name = ?",
      scope.namespace,
      name,
    )
    return row && toImage(row)
  }
}

const unknown = (name: string) => new Failure("notFound", `image ${name} does not exist`)

/** The fields that filters can name. */
const fieldsOf =
  ({ name, target, labels }: Image): FieldOf =>
  ([first, ...path]) => {
    if (first === "labels") return labelAt(labels, path)
    if (first === "annotations") return labelAt(target.annotations ?? {}, path)
    if (first === "name" && path.length === 0) return name
    if (first !== "target" || path.length !== 1) return undefined
    return path[0] === "digest" ? target.digest : path[0] === "mediatype" ? orAbsent(target.mediaType) : undefined
  }

const toImage = (row: ImageRow): Image => ({
  name: row.name,
  target: JSON.parse(row.target) as Descriptor,
  labels: JSON.parse(row.labels) as Labels,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})
