import { Failure } from "../../errors/failure.ts"
import type { MetadataDatabase } from "../metadata/database.ts"
import type { LeaseResource } from "./contract.ts"

/**
 * Puts a new or found object under the caller's lease, in the transaction that is open. Does nothing without a lease.
 * @throws notFound when the lease has ended: what it protected may be gone
 */
export function protect(
  database: MetadataDatabase,
  scope: { readonly namespace: string; readonly lease?: string },
  type: LeaseResource["type"],
  id: string,
): void {
  if (scope.lease === undefined) return
  const held = database.first<{ id: string }>(
    "SELECT id FROM leases WHERE namespace = ? AND id = ?",
    scope.namespace,
    scope.lease,
  )
  if (!held) throw new Failure("notFound", `lease ${scope.lease} does not exist or has expired; start again`)
  database.run(
    "INSERT OR IGNORE INTO lease_resources (namespace, lease, type, resource) VALUES (?, ?, ?, ?)",
    scope.namespace,
    scope.lease,
    type,
    id,
  )
}
