import { Failure } from "../../errors/failure.ts"
import { readDirectory } from "../../linux/directory.ts"
import { closeDescriptor, fileTypes, openAt, openFlags, readLinkAt } from "../../linux/files.ts"
import type { FileStatus } from "../../linux/stat.ts"
import { getXattr, listXattrs, pathWithin } from "../../linux/xattr.ts"
import { isDirectory } from "../layers/overlay-marks.ts"
import type { SnapshotTree } from "../snapshots/contract.ts"
import { identityOf, MergedDirectory, type MergedEntry } from "./merged.ts"

/** One difference between a snapshot's tree and its parent's. `path` has no leading slash; parents come before children. */
export type Difference =
  | { readonly kind: "deleted"; readonly path: Buffer }
  | { readonly kind: "added" | "modified"; readonly path: Buffer; readonly entry: MergedEntry }
  /** A directory that is the same itself, but has differences below it. */
  | { readonly kind: "parent"; readonly path: Buffer; readonly entry: MergedEntry }

const slash = Buffer.from("/")
const join = (directory: Buffer, name: Buffer): Buffer =>
  directory.length ? Buffer.concat([directory, slash, name]) : name

/** No path reaches deeper (PATH_MAX). */
const deepest = 2048

export function assertReachable(depth: number): void {
  if (depth > deepest) throw new Failure("invalidArgument", `the tree has directories more than ${deepest} levels deep`)
}

/**
 * What a snapshot changed, in the order of the paths' components. A file that was written, or written back as it was,
 * counts as modified in overlay's form, as with `docker diff`.
 */
export class TreeComparison {
  readonly #tree: SnapshotTree
  /** Whether the trees are complete each, so that files have to be compared to know. */
  readonly #compareFiles: boolean

  constructor(tree: SnapshotTree) {
    this.#tree = tree
    const tail = tree.layers.slice(tree.layers.length - tree.below.length)
    this.#compareFiles = tail.length !== tree.below.length || tail.some((path, at) => path !== tree.below[at])
  }

  /** Whether the root directory itself was changed. */
  rootChanged(): boolean {
    if (this.#tree.below.length === 0) return false
    using now = MergedDirectory.open(this.#tree.layers)
    using before = MergedDirectory.open(this.#tree.below)
    return !sameDirectory(now, before)
  }

  *differences(): Generator<Difference> {
    using now = MergedDirectory.open(this.#tree.layers)
    using before = this.#tree.below.length ? MergedDirectory.open(this.#tree.below) : undefined
    yield* this.#within(now, before, Buffer.alloc(0), 0)
  }

  *#within(
    now: MergedDirectory,
    before: MergedDirectory | undefined,
    path: Buffer,
    depth: number,
  ): Generator<Difference> {
    assertReachable(depth)
    if (before && now.identity === before.identity) return
    const earlier = new Map((before?.entries() ?? []).map((entry) => [entry.name.toString("latin1"), entry]))
    const names = now.entries().map((entry) => ({ name: entry.name, entry }) as { name: Buffer; entry?: MergedEntry })
    const present = new Set(names.map(({ name }) => name.toString("latin1")))
    for (const [key, { name }] of earlier) if (!present.has(key)) names.push({ name })
    names.sort((one, other) => Buffer.compare(one.name, other.name))
    for (const { name, entry } of names) {
      const below = join(path, name)
      const old = earlier.get(name.toString("latin1"))
      if (entry && !old && isMountPoint(below, entry)) continue
      if (!entry) yield { kind: "deleted", path: below }
      else if (!isDirectory(entry.status)) {
        if (!old) yield { kind: "added", path: below, entry }
        else if (this.#fileChanged(entry, old)) yield { kind: "modified", path: below, entry }
      } else yield* this.#directory(now, before, entry, old, below, depth)
    }
  }

  *#directory(
    now: MergedDirectory,
    before: MergedDirectory | undefined,
    entry: MergedEntry,
    old: MergedEntry | undefined,
    path: Buffer,
    depth: number,
  ): Generator<Difference> {
    using inside = now.enter(entry.name)
    if (!inside) return
    using insideBefore = old && isDirectory(old.status) ? before!.enter(old.name) : undefined
    if (!insideBefore) {
      yield { kind: old ? "modified" : "added", path, entry }
      yield* this.#within(inside, undefined, path, depth + 1)
      return
    }
    const changed =
      !sameDirectory(inside, insideBefore) &&
      !(sameButTime(inside, insideBefore) && gotMountPoint(inside, insideBefore, path))
    if (changed) yield { kind: "modified", path, entry }
    let told = changed
    for (const difference of this.#within(inside, insideBefore, path, depth + 1)) {
      if (!told) yield { kind: "parent", path, entry }
      told = true
      yield difference
    }
  }

  #fileChanged(now: MergedEntry, before: MergedEntry): boolean {
    if (identityOf(now.status) === identityOf(before.status)) return false
    if (!this.#compareFiles) return true
    const type = now.status.mode & fileTypes.mask
    return (
      !sameStatus(now.status, before.status) ||
      now.status.size !== before.status.size ||
      now.status.mtime !== before.status.mtime ||
      (type === fileTypes.symlink &&
        !readLinkAt(now.parent, now.name).equals(readLinkAt(before.parent, before.name))) ||
      !sameXattrs(pathWithin(now.parent, now.name), pathWithin(before.parent, before.name))
    )
  }
}

const sameStatus = (one: FileStatus, other: FileStatus): boolean =>
  one.mode === other.mode &&
  one.uid === other.uid &&
  one.gid === other.gid &&
  one.major === other.major &&
  one.minor === other.minor

const sameButTime = (one: MergedDirectory, other: MergedDirectory): boolean =>
  sameStatus(one.status, other.status) && sameXattrs(one.descriptor, other.descriptor)

const sameDirectory = (one: MergedDirectory, other: MergedDirectory): boolean =>
  one.status.mtime === other.status.mtime && sameButTime(one, other)

/**
 * What every container gets mounted over: where an image lacks one, the OCI runtime makes an empty file or directory to
 * mount on. Nobody in the container did that, so it is no change of the snapshot.
 */
const mountPoints = new Set(["dev", "proc", "sys", "etc/hostname", "etc/hosts", "etc/resolv.conf"])

function isMountPoint(path: Buffer, { status, parent, name }: MergedEntry): boolean {
  if (!mountPoints.has(path.toString("latin1"))) return false
  if (!isDirectory(status)) return (status.mode & fileTypes.mask) === fileTypes.file && status.size === 0
  const directory = openAt(parent, name, openFlags.directory | openFlags.noFollow)
  try {
    return readDirectory(directory).length === 0
  } finally {
    closeDescriptor(directory)
  }
}

/** Whether a directory's time changed because a mount point was made in it. */
function gotMountPoint(now: MergedDirectory, before: MergedDirectory, path: Buffer): boolean {
  if (![...mountPoints].some((point) => point.startsWith(`${path}/`))) return false
  const names = new Set(before.entries().map((entry) => entry.name.toString("latin1")))
  return now
    .entries()
    .some((entry) => !names.has(entry.name.toString("latin1")) && isMountPoint(join(path, entry.name), entry))
}

/** Attributes that belong to a file; overlay's own belong to its layers. */
export const isFileXattr = (key: string): boolean => !key.startsWith("trusted.overlay.")

function sameXattrs(one: number | Uint8Array, other: number | Uint8Array): boolean {
  const keys = listXattrs(one).filter(isFileXattr).sort()
  const others = listXattrs(other).filter(isFileXattr).sort()
  if (keys.join("\0") !== others.join("\0")) return false
  return keys.every((key) => getXattr(one, key)?.equals(getXattr(other, key) ?? Buffer.alloc(0)) ?? true)
}
