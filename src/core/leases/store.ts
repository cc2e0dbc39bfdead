import { Failure } from "../../errors/failure.ts"
import { nowNanos } from "../../std/clock.ts"
import { newId } from "../../std/id.ts"
import { anyOf, labelAt } from "../filters/filter.ts"
import type { MetadataDatabase } from "../metadata/database.ts"
import type { Labels } from "../metadata/labels.ts"
import type { Scope } from "../scope.ts"
import type { Lease, LeaseResource, LeaseStore } from "./contract.ts"
import { protect } from "./protect.ts"

interface LeaseRow {
  readonly id: string
  readonly labels: string
  readonly created_at: bigint
  readonly expires_at: bigint | null
}

/** Leases as rows. Those of `within` belong to this process: what a killed daemon has left is dropped when the store is made. */
export class MetadataLeaseStore implements LeaseStore {
  readonly #database: MetadataDatabase

  constructor(database: MetadataDatabase) {
    this.#database = database
    database.run("DELETE FROM leases WHERE ephemeral = 1")
  }

  async create(
    scope: Scope,
    options: { readonly id?: string; readonly ttlMs?: number; readonly labels?: Labels } = {},
  ): Promise<Lease> {
    return this.#create(scope, options, false)
  }

  async within<T>(scope: Scope, work: (scope: Scope) => Promise<T>): Promise<T> {
    const lease = this.#create(scope, {}, true)
    try {
      return await work({ ...scope, lease: lease.id })
    } finally {
      this.#database.run("DELETE FROM leases WHERE namespace = ? AND id = ?", scope.namespace, lease.id)
    }
  }

  async add(scope: Scope, lease: string, resource: LeaseResource): Promise<void> {
    this.#database.transaction(() =>
      protect(this.#database, { namespace: scope.namespace, lease }, resource.type, resource.id),
    )
  }

  async drop(scope: Scope, lease: string, resource: LeaseResource): Promise<void> {
    this.#assertExists(scope, lease)
    this.#database.run(
      "DELETE FROM lease_resources WHERE namespace = ? AND lease = ? AND type = ? AND resource = ?",
      scope.namespace,
      lease,
      resource.type,
      resource.id,
    )
  }

  async resources(scope: Scope, lease: string): Promise<readonly LeaseResource[]> {
    this.#assertExists(scope, lease)
    return this.#database.all<LeaseResource>(
      "SELECT type, resource AS id FROM lease_resources WHERE namespace = ? AND lease = ?",
      scope.namespace,
      lease,
    )
  }

  async list(scope: Scope, filters?: readonly string[]): Promise<readonly Lease[]> {
    const matches = anyOf(filters)
    this.expire()
    return this.#database
      .all<LeaseRow>("SELECT * FROM leases WHERE namespace = ? ORDER BY created_at", scope.namespace)
      .map(toLease)
      .filter(({ id, labels }) =>
        matches(([first, ...path]) => {
          if (first === "labels") return labelAt(labels, path)
          return first === "id" && path.length === 0 ? id : undefined
        }),
      )
  }

  async remove(scope: Scope, id: string): Promise<void> {
    const { changes } = this.#database.run("DELETE FROM leases WHERE namespace = ? AND id = ?", scope.namespace, id)
    if (changes === 0) throw unknown(id)
  }

  /** Ends every lease, of any namespace, whose time is over. */
  expire(): void {
    this.#database.run("DELETE FROM leases WHERE expires_at IS NOT NULL AND expires_at <= ?", nowNanos())
  }

  #create(
    scope: Scope,
    options: { readonly id?: string; readonly ttlMs?: number; readonly labels?: Labels },
    ephemeral: boolean,
  ): Lease {
    this.expire()
    const now = nowNanos()
    const lease: Lease = {
      id: options.id ?? newId().slice(0, 32),
      labels: options.labels ?? {},
      createdAt: now,
      ...(options.ttlMs === undefined ? {} : { expiresAt: now + BigInt(Math.round(options.ttlMs * 1e6)) }),
    }
    this.#database.transaction(() => {
      this.#database.ensureNamespace(scope.namespace)
      const { changes } = this.#database.run(
        "INSERT OR IGNORE INTO leases (namespace, id, labels, created_at, expires_at, ephemeral) VALUES (?, ?, ?, ?, ?, ?)",
        scope.namespace,
        lease.id,
        JSON.stringify(lease.labels),
        lease.createdAt,
        lease.expiresAt ?? null,
        ephemeral ? 1 : 0,
      )
      if (changes === 0) throw new Failure("alreadyExists", `lease ${lease.id} exists already`)
    })
    return lease
  }

  #assertExists(scope: Scope, id: string): void {
    this.expire()
    if (!this.#database.first("SELECT 1 FROM leases WHERE namespace = ? AND id = ?", scope.namespace, id)) {
      throw unknown(id)
    }
  }
}

const unknown = (id: string) => new Failure("notFound", `lease ${id} does not exist or has expired`)

const toLease = (row: LeaseRow): Lease => ({
  id: row.id,
  labels: JSON.parse(row.labels) as Labels,
  createdAt: row.created_at,
  ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
})
