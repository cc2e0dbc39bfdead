import type { Descriptor } from "../../oci/descriptor.ts"
import { type Digest, isDigest } from "../../oci/digest.ts"
import { mayHaveLinks } from "../../oci/graph.ts"
import { spareLabel } from "../content/spare.ts"
import type { MetadataDatabase } from "../metadata/database.ts"
import type { Labels } from "../metadata/labels.ts"
import type { SnapshotInfo } from "../snapshots/contract.ts"
import type { SnapshotRows } from "../snapshots/rows-contract.ts"
import type { BlobReferences, Reached } from "./references.ts"

/** What of one namespace nothing refers to. */
export interface Garbage {
  readonly blobs: readonly Digest[]
  /** Children before parents. */
  readonly snapshots: readonly string[]
}

const rootLabel = "containerd.io/gc.root"
const contentLabel = "containerd.io/gc.ref.content"
const snapshotLabel = "containerd.io/gc.ref.snapshot."

const noLabels: Labels = {}

/** Most blobs have none. */
const parseLabels = (text: string): Labels => (text === "{}" ? noLabels : (JSON.parse(text) as Labels))

/**
 * Marks from the roots of one namespace: images, containers, leases and `containerd.io/gc.root` labels. Synchronous: what
 * it finds is true until the next await.
 * @returns instead of the garbage the documents that must be read before it can be told
 */
export function findGarbage(
  database: MetadataDatabase,
  rows: SnapshotRows,
  references: BlobReferences,
  namespace: string,
): Garbage | { readonly unread: readonly Reached[] } {
  const blobs = new Map(
    database
      .all<{ digest: Digest; labels: string }>("SELECT digest, labels FROM blobs WHERE namespace = ?", namespace)
      .map((row) => [row.digest, parseLabels(row.labels)]),
  )
  const snapshots = new Map(rows.list(namespace).map((snapshot) => [snapshot.name, snapshot]))
  const liveBlobs = new Set<Digest>()
  const liveSnapshots = new Set<string>()
  /** Blobs as they were reached: one that was taken for a layer may be a document to another. */
  const reached = new Set<string>()
  const pending: Reached[] = []
  const unread: Reached[] = []

  const reachContent = (digest: string, mediaType?: string) => {
    const as = `${digest} ${mayHaveLinks(mediaType)}`
    if (reached.has(as) || !isDigest(digest) || !blobs.has(digest)) return
    reached.add(as)
    liveBlobs.add(digest)
    pending.push({ digest, ...(mediaType === undefined ? {} : { mediaType }) })
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
    const { digest, mediaType } = JSON.parse(target) as Descriptor
    reachContent(digest, mediaType)
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
  for (const [digest, labels] of blobs) if (rootLabel in labels) reachContent(digest)
  for (const [name, snapshot] of snapshots) if (rootLabel in snapshot.labels) reachSnapshot(name)

  for (let blob = pending.pop(); blob !== undefined; blob = pending.pop()) {
    followLabels(blobs.get(blob.digest)!)
    const found = references.of(blob)
    if (!found) unread.push(blob)
    for (const { digest, mediaType } of found?.content ?? []) {
      if (!(spareLabel in (blobs.get(digest) ?? noLabels))) reachContent(digest, mediaType)
    }
    for (const chainID of found?.snapshots ?? []) reachSnapshot(chainID)
  }
  if (unread.length > 0) return { unread }

  return {
    blobs: [...blobs.keys()].filter((digest) => !liveBlobs.has(digest)),
    snapshots: [...snapshots.keys()].filter((name) => !liveSnapshots.has(name)).reverse(),
  }
}
