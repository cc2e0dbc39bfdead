import type { Labels } from "../metadata/labels.ts"
import type { SnapshotInfo } from "./contract.ts"

/**
 * What the metadata knows about snapshots, synchronously, so that other stores can change it within their own
 * transaction (a container and its root snapshot appear together). `rows.ts` implements it over the table `snapshots`;
 * the {@link Snapshotter} adds the files: it makes directories when mounts are first asked for, and deletes the
 * directories of removed rows in the background.
 */
export interface SnapshotRows {
  /**
   * Adds an active snapshot or a view, protected by `lease` when given (a row of `lease_resources`).
   * @throws alreadyExists; notFound (parent); invalidArgument (parent not committed)
   */
  create(
    namespace: string,
    kind: "active" | "view",
    key: string,
    parent: string | undefined,
    options?: { readonly labels?: Labels; readonly lease?: string },
  ): SnapshotInfo
  find(namespace: string, name: string): SnapshotInfo | undefined
  /** All snapshots of a namespace, parents before children. */
  list(namespace: string): readonly SnapshotInfo[]
  /** Forgets a snapshot; its files are deleted later. @throws notFound; conflict while it has children or a container uses it */
  remove(namespace: string, name: string): void
}
