import { Failure } from "../../errors/failure.ts"
import type { EventBus } from "../events/contract.ts"
import type { MetadataDatabase } from "../metadata/database.ts"
import { type Labels, updatedLabels } from "../metadata/labels.ts"
import type { Namespace, NamespaceStore } from "./contract.ts"

interface NamespaceRow {
  readonly name: string
  readonly labels: string
}

/** Tables whose rows belong to a namespace, and what their rows are called. */
const belongings = {
  images: "images",
  blobs: "blobs",
  ingests: "uncommitted writes",
  containers: "containers",
  snapshots: "snapshots",
  leases: "leases",
} as const

/** Namespaces as rows. Publishes `/namespaces/create`, `/namespaces/update` and `/namespaces/delete`. */
export class MetadataNamespaceStore implements NamespaceStore {
  readonly #database: MetadataDatabase
  readonly #events: EventBus

  constructor(database: MetadataDatabase, events: EventBus) {
    this.#database = database
    this.#events = events
    database.onNamespace((name) => events.publish({ namespace: name }, "/namespaces/create", { name, labels: {} }))
  }

  async create(name: string, labels: Labels = {}): Promise<Namespace> {
    this.#database.assertRoom()
    return this.#database.transaction(() => {
      const created = this.#database.addNamespace(name, labels)
      if (!created) throw new Failure("alreadyExists", `namespace ${name} exists already`)
      this.#database.afterCommit(() =>
        this.#events.publish({ namespace: name }, "/namespaces/create", { name, labels }),
      )
      return this.#get(name)
    })
  }

  async get(name: string): Promise<Namespace> {
    return this.#get(name)
  }

  async list(): Promise<readonly Namespace[]> {
    return this.#database.all<NamespaceRow>("SELECT * FROM namespaces ORDER BY name").map(toNamespace)
  }

  async updateLabels(name: string, given: Labels, paths?: readonly string[]): Promise<Namespace> {
    return this.#database.transaction(() => {
      const labels = updatedLabels(this.#get(name).labels, given, paths, `namespace ${name}`)
      this.#database.run("UPDATE namespaces SET labels = ? WHERE name = ?", JSON.stringify(labels), name)
      this.#database.afterCommit(() =>
        this.#events.publish({ namespace: name }, "/namespaces/update", { name, labels }),
      )
      return { name, labels }
    })
  }

  async remove(name: string): Promise<void> {
    this.#database.transaction(() => {
      this.#get(name)
      const left = Object.entries(belongings).filter(([table]) =>
        this.#database.first(`SELECT 1 FROM ${table} WHERE namespace = ? LIMIT 1`, name),
      )
      if (left.length > 0) {
        const kinds = left.map(([, kind]) => kind).join(", ")
        throw new Failure("conflict", `namespace ${name} must be empty, but it still has ${kinds}`)
      }
      this.#database.run("DELETE FROM namespaces WHERE name = ?", name)
      this.#database.afterCommit(() => this.#events.publish({ namespace: name }, "/namespaces/delete", { name }))
    })
  }

  #get(name: string): Namespace {
    const row = this.#database.first<NamespaceRow>("SELECT * FROM namespaces WHERE name = ?", name)
    if (!row) throw new Failure("notFound", `namespace ${name} does not exist`)
    return toNamespace(row)
  }
}

const toNamespace = ({ name, labels }: NamespaceRow): Namespace => ({ name, labels: JSON.parse(labels) as Labels })
