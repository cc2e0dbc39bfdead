import type { MountRequest } from "../../linux/mount.ts"
import type { LayerTarget, TreeUsage } from "../layers/contract.ts"
import type { Labels } from "../metadata/labels.ts"
import type { Scope } from "../scope.ts"

/** `active` is writable and has a key; `view` is read-only and has a key; `committed` is immutable and has a name. */
export type SnapshotKind = "active" | "view" | "committed"

export interface SnapshotInfo {
  readonly name: string
  readonly kind: SnapshotKind
  readonly parent?: string
  readonly labels: Readonly<Record<string, string>>
  readonly createdAt: bigint
  readonly updatedAt: bigint
}

/**
 * How to bring a snapshot into sight: mounts in order; `target` is joined to the directory given when mounting.
 * Read-only layers may themselves be mounts (an EROFS image); those are mounted and shared by the snapshotter.
 */
export interface SnapshotMount extends Omit<MountRequest, "target"> {
  /** Directories, bottom last, that lie under the top: what a reader shows of an overlay. */
  readonly lowerDirs?: readonly string[]
  readonly upperDir?: string
}

export interface MountOptions {
  /**
   * Ignores fsync(2), and skips syncs at unmount: for what is thrown away when it is not needed any more, or kept by
   * {@link Snapshotter.settle} later.
   */
  readonly volatile?: boolean
  /**
   * A directory beneath all layers of an active snapshot: its entries are seen where no layer has one of that name. Only
   * drivers that join layers show it.
   */
  readonly baseLayer?: string
  /** Puts the base layer above the image's layers, below the snapshot's own files: its entries hide theirs. */
  readonly baseLayerOnTop?: boolean
}

/** The directories that make up a snapshot's tree, for readers that need no mount. Top first, in overlay's on-disk form. */
export interface SnapshotTree {
  /** The whole tree. */
  readonly layers: readonly string[]
  /** The parent's tree. When it is not the tail of `layers`, both trees are complete and have to be compared. */
  readonly below: readonly string[]
}

/**
 * Layered file trees. Lifecycle: `prepare` or `view` a key from a committed parent, use its mounts, `commit` the key
 * under a name or `remove` it. A crash at any point leaves only what the metadata says; the rest is swept at the next start.
 */
export interface Snapshotter {
  /** The driver's name for `info`: `overlay`, `native`. */
  readonly driver: string
  /**
   * Whether a layer can be unpacked before those below it are there: into a snapshot without a parent, which `commit` gives it. Otherwise
   * it has to be prepared on its parent.
   */
  readonly independent: boolean
  /** @throws alreadyExists, notFound (parent), invalidArgument (parent not committed) */
  prepare(
    scope: Scope,
    key: string,
    parent: string | undefined,
    labels?: Readonly<Record<string, string>>,
  ): Promise<SnapshotInfo>
  view(
    scope: Scope,
    key: string,
    parent: string | undefined,
    labels?: Readonly<Record<string, string>>,
  ): Promise<SnapshotInfo>
  /**
   * Makes the active snapshot `key` immutable under `name`.
   * @param options.parent the committed snapshot that it lies on, for one that was prepared without
   * @param options.usage what it holds, when that is known
   * @throws alreadyExists, notFound; invalidArgument for a parent that cannot be
   */
  commit(
    scope: Scope,
    name: string,
    key: string,
    options?: {
      readonly parent?: string
      readonly labels?: Readonly<Record<string, string>>
      readonly usage?: TreeUsage
    },
  ): Promise<SnapshotInfo>
  /** @throws notFound */
  stat(scope: Scope, key: string): Promise<SnapshotInfo>
  find(scope: Scope, key: string): Promise<SnapshotInfo | undefined>
  /**
   * All of the namespace, parents before children; with filters (containerd's, over `name`, `parent`, `kind`, `labels`) those that match one.
   * @throws invalidArgument
   */
  list(scope: Scope, filters?: readonly string[]): Promise<readonly SnapshotInfo[]>
  /** Changes labels, all of them or those of a field mask ({@link updatedLabels}). @throws notFound; invalidArgument for another path */
  updateLabels(scope: Scope, key: string, labels: Labels, paths?: readonly string[]): Promise<SnapshotInfo>
  usage(scope: Scope, key: string): Promise<TreeUsage>
  /** The mounts that show `key`. To be mounted soon: layers that are mounted themselves do not stay so for ever. @throws notFound */
  mounts(scope: Scope, key: string, options?: MountOptions): Promise<readonly SnapshotMount[]>
  /** Where to unpack the layer that the active snapshot `key` is to hold. */
  layerTarget(scope: Scope, key: string): Promise<LayerTarget>
  /** The directories of `key`'s tree and of its parent's, to be opened soon. @throws notFound */
  tree(scope: Scope, key: string): Promise<SnapshotTree>
  /**
   * Brings to the disk what was written to `key` while it was mounted without syncs. Must be done before its next mount, and not while it
   * is mounted; at once when there is nothing to do.
   * @returns false when the host was started anew meanwhile: then what was written last may be missing @throws notFound
   */
  settle(scope: Scope, key: string): Promise<boolean>
  /** Forgets `key`; its files go in the background. @throws notFound; conflict while it has children */
  remove(scope: Scope, key: string): Promise<void>
  /** Deletes directories that no metadata names. Run at start and after garbage collection. @returns bytes freed */
  sweep(): Promise<number>
}
