import type { Descriptor } from "../../oci/descriptor.ts"
import { type Digest, isDigest } from "../../oci/digest.ts"
import { spareLabel } from "../content/spare.ts"
import type { MetadataDatabase } from "../metadata/database.ts"
import type { Labels } from "../metadata/labels.ts"
import type { SnapshotInfo } from "../snapshots/contract.ts"
import type { SnapshotRows } from "../snapshots/rows-contract.ts"
import type { BlobReferences } from "./references.ts"

/** What of one namespace nothing refers to. */
export interface Garbage {
  readonly blobs: readonly { readonly digest: Digest; readonly size: number }[]
  /** Children before parents. */
  readonly snapshots: readonly string[]
}

const rootLabel = "containerd.io/gc.root"
const contentLabel = "containerd.io/gc.ref.content"
const snapshotLabel = "containerd.io/gc.ref.snapshot."

/**
 * Marks from the roots of one namespace: images, containers, leases and `containerd.io/gc.root` labels. Synchronous: what
 * it finds is true until the next await.
 */
export function findGarbage(
  database: MetadataDatabase,
  rows: SnapshotRows,
  references: BlobReferences,
  namespace: string,
): Garbage {
  const blobs = new Map(
    database
      .all<{ digest: Digest; size: bigint; labels: string }>(
        "SELECT digest, size, labels FROM blobs WHERE namespace = ?",
        namespace,
      )
      .map((row) => [row.digest, { size: Number(row.size), labels: JSON.parse(row.labels) as Labels }]),
  )
  const snapshots = new Map(rows.list(namespace).map((snapshot) => [snapshot.name, snapshot]))
  const liveBlobs = new Set<Digest>()
  const liveSnapshots = new Set<string>()
  const pending: Digest[] = []

  const reachContent = (digest: string) => {
    if (!isDigest(digest) || liveBlobs.has(digest) || !blobs.has(digest)) return
    liveBlobs.add(digest)
    pending.push(digest)
  }
  const reachSnapshot = (name: string) => {
    for (let at: SnapshotInfo | undefined = snapshots.get(name); at && !liveSnapshots.has(at.name); ) {
      liveSnapshots.add(at.name)
      followLabels(at.labels)
      at = at.parent === undefined ? undefined : snapshots.get(at.parent)
    }
  }
  const followLabels = (labels: Labels) => {
    for (const [name, value] of Object.entries(labels)) {
      if (name === contentLabel || name.startsWith(`${contentLabel}.`)) reachContent(value)
      else if (name.startsWith(snapshotLabel)) reachSnapshot(value)
    }
  }

  for (const { target } of database.all<{ target: string }>(
    "SELECT target FROM images WHERE namespace = ?",
    namespace,
  )) {
    reachContent((JSON.parse(target) as Descriptor).digest)
  }
  for (const { snapshot_key } of database.all<{ snapshot_key: string | null }>(
    "SELECT snapshot_key FROM containers WHERE namespace = ?",
    namespace,
  )) {
    if (snapshot_key !== null) reachSnapshot(snapshot_key)
  }
  for (const { type, resource } of database.all<{ type: string; resource: string }>(
    "SELECT type, resource FROM lease_resources WHERE namespace = ?",
    namespace,
  )) {
    if (type === "content") reachContent(resource)
    else if (type === "snapshots") reachSnapshot(resource)
  }
  for (const [digest, blob] of blobs) if (rootLabel in blob.labels) reachContent(digest)
  for (const [name, snapshot] of snapshots) if (rootLabel in snapshot.labels) reachSnapshot(name)

  for (let digest = pending.pop(); digest !== undefined; digest = pending.pop()) {
    const blob = blobs.get(digest)!
    followLabels(blob.labels)
    const found = references.of(digest, blob.size)
    for (const next of found.content) if (!(spareLabel in (blobs.get(next)?.labels ?? {}))) reachContent(next)
    for (const chainID of found.snapshots) reachSnapshot(chainID)
  }

  return {
    blobs: [...blobs].filter(([digest]) => !liveBlobs.has(digest)).map(([digest, { size }]) => ({ digest, size })),
    snapshots: [...snapshots.keys()].filter((name) => !liveSnapshots.has(name)).reverse(),
  }
}
