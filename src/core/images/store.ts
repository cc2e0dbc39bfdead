import { Failure } from "../../errors/failure.ts"
import type { Descriptor } from "../../oci/descriptor.ts"
import type { Digest } from "../../oci/digest.ts"
import { nowNanos } from "../../std/clock.ts"
import type { EventBus } from "../events/contract.ts"
import type { MetadataDatabase } from "../metadata/database.ts"
import type { Labels } from "../metadata/labels.ts"
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
    if (!image) throw new Failure("notFound", `image ${name} does not exist`)
    return image
  }

  async find(scope: Scope, name: string): Promise<Image | undefined> {
    return this.#find(scope, name)
  }

  async list(scope: Scope): Promise<readonly Image[]> {
    return this.#database
      .all<ImageRow>("SELECT * FROM images WHERE namespace = ? ORDER BY name", scope.namespace)
      .map(toImage)
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

  async remove(scope: Scope, name: string): Promise<void> {
    const { changes } = this.#database.run("DELETE FROM images WHERE namespace = ? AND name = ?", scope.namespace, name)
    if (changes === 0) throw new Failure("notFound", `image ${name} does not exist`)
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

const toImage = (row: ImageRow): Image => ({
  name: row.name,
  target: JSON.parse(row.target) as Descriptor,
  labels: JSON.parse(row.labels) as Labels,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})
