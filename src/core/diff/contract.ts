import type { Descriptor } from "../../oci/descriptor.ts"
import type { DiffID } from "../../oci/digest.ts"
import type { GrowingBlob } from "../content/contract.ts"
import type { ImpliedDirectory, LayerContents } from "../layers/contract.ts"
import type { Scope } from "../scope.ts"

/** One changed path of a snapshot against its parent; kinds are those of `docker diff`. */
export interface Change {
  /** Absolute within the container, as bytes when it is not UTF-8. */
  readonly path: string
  readonly kind: "modified" | "added" | "deleted"
}

/** A layer that was unpacked. */
export interface AppliedLayer extends LayerContents {
  readonly diffID: DiffID
  /** Bytes, uncompressed. */
  readonly size: number
}

/** Between layers (tars) and snapshots (trees). */
export interface Differ {
  /**
   * Unpacks `layer` (plain, gzip, zstd) from the content store into the active snapshot `key`, in another thread or process.
   * No entry can write outside; a bad archive leaves an error and a snapshot to remove.
   * @param options.sealed nothing else is going to be written to `key` before its commit: the layer need not be unpacked where it can be mounted
   * @param options.growing the blob while it is on its way, in place of the store's; the rest is waited for
   * @returns the diffID of the uncompressed bytes, their number, and the directories that the layer implies (see {@link inherit})
   * @throws invalidArgument for a malformed or hostile archive
   */
  apply(
    scope: Scope,
    layer: Descriptor,
    key: string,
    options?: {
      readonly progress?: (bytes: number) => void
      readonly growing?: GrowingBlob
      readonly sealed?: boolean
    },
  ): Promise<AppliedLayer>
  /**
   * Gives directories that the layer in `key` has no entries for the attributes they have in the layers below.
   * @param parent the committed snapshot that `key` is to lie on
   */
  inherit(scope: Scope, key: string, parent: string, implied: readonly ImpliedDirectory[]): Promise<void>
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
