import type { Descriptor } from "../../oci/descriptor.ts"
import type { DiffID } from "../../oci/digest.ts"
import type { Scope } from "../scope.ts"

/** One changed path of a snapshot against its parent; kinds are those of `docker diff`. */
export interface Change {
  /** Absolute within the container, as bytes when it is not UTF-8. */
  readonly path: string
  readonly kind: "modified" | "added" | "deleted"
}

/** Between layers (tars) and snapshots (trees). */
export interface Differ {
  /**
   * Unpacks `layer` (plain, gzip, zstd) from the content store into the active snapshot `key`, in another thread or process.
   * No entry can write outside; a bad archive leaves an error and a snapshot to remove.
   * @returns the diffID of the uncompressed bytes and their number
   * @throws invalidArgument for a malformed or hostile archive
   */
  apply(
    scope: Scope,
    layer: Descriptor,
    key: string,
    progress?: (bytes: number) => void,
  ): Promise<{ readonly diffID: DiffID; readonly size: number }>
  /**
   * Writes what snapshot `key` changed against its parent as a layer into the content store, reproducibly (sorted, no
   * host facts).
   */
  compare(
    scope: Scope,
    key: string,
    options?: { readonly compression?: "none" | "gzip" | "zstd" },
  ): Promise<{ readonly descriptor: Descriptor; readonly diffID: DiffID }>
  /** What `docker diff` shows: changes of the active snapshot `key`, sorted by path. */
  changes(scope: Scope, key: string): Promise<readonly Change[]>
  /** The whole tree of `key` as an uncompressed tar stream (`docker export`). */
  tree(scope: Scope, key: string): AsyncIterable<Uint8Array>
}
