import { Failure } from "../../errors/failure.ts"
import { closeDescriptor, fileTypes, nextData, openAt, openFlags, readInto, readLinkAt } from "../../linux/files.ts"
import { type FileStatus, statDescriptor } from "../../linux/stat.ts"
import { getXattr, listXattrs, pathWithin } from "../../linux/xattr.ts"
import type { SparseRegion, TarEntry, TarType } from "../../std/tar/entry.ts"
import { encodeHeader, endOfArchive, paddingBytes } from "../../std/tar/writer.ts"
import { isDirectory } from "../layers/overlay-marks.ts"
import type { SnapshotTree } from "../snapshots/contract.ts"
import { identityOf, MergedDirectory, type MergedEntry } from "./merged.ts"
import { assertReachable, isFileXattr, TreeComparison } from "./walk.ts"

const chunkSize = 1 << 20
/** Files are stored with their holes from this size on, when holes are most of them; smaller ones read the same on every host. */
const sparseFrom = 16 << 20

const types = new Map<number, TarType>([
  [fileTypes.file, "file"],
  [fileTypes.directory, "directory"],
  [fileTypes.symlink, "symlink"],
  [fileTypes.character, "character"],
  [fileTypes.block, "block"],
  [fileTypes.fifo, "fifo"],
])

/** The layer that turns a snapshot's parent into it: whiteouts for what is gone, whole entries for what is new or changed. */
export function* layerTar(tree: SnapshotTree): Generator<Uint8Array> {
  const write = entryWriter()
  const comparison = new TreeComparison(tree)
  if (comparison.rootChanged()) {
    using root = MergedDirectory.open(tree.layers)
    yield rootHeader(root)
  }
  for (const difference of comparison.differences()) {
    const name = difference.path.subarray(difference.path.lastIndexOf(0x2f) + 1)
    if (name.toString("latin1", 0, 4) === ".wh.") {
      throw new Failure(
        "invalidArgument",
        `/${difference.path} cannot be stored in a layer: names that begin with ".wh." mean deletions there; rename it`,
      )
    }
    if (difference.kind === "deleted") yield whiteout(difference.path)
    else yield* write(difference.path, difference.entry)
  }
  yield endOfArchive
}

/** A whole tree. */
export function* treeTar(layers: readonly string[]): Generator<Uint8Array> {
  const write = entryWriter()
  function* within(directory: MergedDirectory, path: string, depth: number): Generator<Uint8Array> {
    assertReachable(depth)
    for (const entry of directory.entries()) {
      const below = `${path}${entry.name.toString("latin1")}`
      yield* write(Buffer.from(below, "latin1"), entry)
      if (!isDirectory(entry.status)) continue
      using inside = directory.enter(entry.name)
      if (inside) yield* within(inside, `${below}/`, depth + 1)
    }
  }
  using root = MergedDirectory.open(layers)
  yield* within(root, "", 0)
  yield endOfArchive
}

function rootHeader(root: MergedDirectory): Buffer {
  return encodeHeader({ ...common(root.status, xattrsOf(root.descriptor)), name: Buffer.from("./"), type: "directory" })
}

function whiteout(path: Buffer): Buffer {
  const slash = path.lastIndexOf(0x2f) + 1
  const name = Buffer.concat([path.subarray(0, slash), Buffer.from(".wh."), path.subarray(slash)])
  return encodeHeader({ name, type: "file", mode: 0, uid: 0, gid: 0, size: 0, mtime: 0n })
}

/** Writes the entries of one archive: a file's later names are links to its first. */
export function entryWriter(): (
  path: Buffer,
  entry: Pick<MergedEntry, "status" | "parent" | "name">,
) => Generator<Uint8Array> {
  const linked = new Map<string, Buffer>()
  return function* write(path, { status, parent, name }) {
    const type = types.get(status.mode & fileTypes.mask)
    // Sockets mean nothing without the process that listens.
    if (!type) return
    const first = type === "directory" ? undefined : linked.get(identityOf(status))
    if (first) {
      yield encodeHeader({ ...common(status), name: path, type: "hardlink", linkName: first })
      return
    }
    if (type === "file" && !(yield* file(path, parent, name))) return
    if (status.links > 1 && type !== "directory") linked.set(identityOf(status), path)
    if (type === "file") return
    const entry: TarEntry = {
      ...common(status, xattrsOf(pathWithin(parent, name))),
      name: type === "directory" ? Buffer.concat([path, Buffer.from("/")]) : path,
      type,
      ...(type === "symlink" ? { linkName: readLinkAt(parent, name) } : {}),
      ...(type === "character" || type === "block" ? { major: status.major, minor: status.minor } : {}),
    }
    yield encodeHeader(entry)
  }
}

function common(status: FileStatus, xattrs?: ReadonlyMap<string, Buffer>) {
  const { uid, gid, mtime } = status
  return { mode: status.mode & 0o7777, uid, gid, mtime, size: 0, ...(xattrs?.size ? { xattrs } : {}) }
}

/** @returns false when the file was deleted since the directory was read: a tree in use changes */
function* file(path: Buffer, parent: number, name: Buffer): Generator<Uint8Array, boolean> {
  let descriptor: number
  try {
    descriptor = openAt(parent, name, openFlags.readonly | openFlags.noFollow | openFlags.nonblock)
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return false
    throw error
  }
  try {
    const status = statDescriptor(descriptor)
    const { size } = status
    const sparse = size >= sparseFrom && status.blocks * 512 < size / 2 ? regions(descriptor, size) : undefined
    yield encodeHeader({
      ...common(status, xattrsOf(descriptor)),
      name: path,
      type: "file",
      size,
      ...(sparse ? { sparse } : {}),
    })
    let stored = 0
    for (const { offset, length } of sparse ?? [{ offset: 0, length: size }]) {
      stored += length
      for (let at = 0; at < length; ) {
        const chunk = Buffer.allocUnsafe(Math.min(chunkSize, length - at))
        const read = readInto(descriptor, chunk, offset + at)
        // Cut short while it was read: the header has promised these bytes.
        if (read === 0) chunk.fill(0)
        yield read === 0 ? chunk : chunk.subarray(0, read)
        at += read || chunk.length
      }
    }
    yield paddingBytes(stored)
    return true
  } finally {
    closeDescriptor(descriptor)
  }
}

/** Where data is, in whole blocks of the archive. */
function regions(descriptor: number, size: number): SparseRegion[] {
  const found: SparseRegion[] = []
  for (let data = nextData(descriptor, 0); data; data = nextData(descriptor, data.end)) {
    const end = Math.min(data.end, size)
    if (data.start < end) found.push({ offset: data.start, length: end - data.start })
    if (end === size) break
  }
  return found
}

function xattrsOf(subject: number | Uint8Array): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>()
  for (const key of listXattrs(subject)) {
    // Labels of a security module belong to the host, trusted ones to overlay and to root on this host.
    if (!isFileXattr(key) || key.startsWith("trusted.") || key === "security.selinux") continue
    const value = getXattr(subject, key)
    if (value) found.set(key, value)
  }
  return found
}
