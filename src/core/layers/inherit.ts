import {
  AT_FDCWD,
  changeMode,
  changeOwner,
  closeDescriptor,
  openAt,
  openAt2,
  openFlags,
  readInto,
  resolveFlags,
  setTimes,
  writeAll,
} from "../../linux/files.ts"
import { type FileStatus, statDescriptor } from "../../linux/stat.ts"
import { ownershipLength, writeOwnership } from "../../std/erofs/image.ts"
import type { ImpliedDirectory, LayerTarget } from "./contract.ts"
import { type ByteText, toBytes } from "./entry-path.ts"

const flags = openFlags.directory | openFlags.noFollow
const rules = resolveFlags.inRoot | resolveFlags.noMagicLinks

/**
 * Gives directories that a layer only implies the owner, mode and times that they have in the layers below. What is nowhere below stays
 * as it was made.
 * @param target the layer's own
 * @param lowerDirs the layers below, nearest first
 * @throws SystemError
 */
export function inheritAttributes(
  target: LayerTarget,
  implied: readonly ImpliedDirectory[],
  lowerDirs: readonly string[],
): void {
  const described = implied.filter(({ inodeAt }) => inodeAt !== undefined)
  if (target.image && described.length > 0) inheritInImage(target.image.index, described, lowerDirs)
  else inheritInDirectory(target.directory, implied, lowerDirs)
}

function inheritInDirectory(directory: string, implied: readonly ImpliedDirectory[], lowerDirs: readonly string[]) {
  const root = openAt(AT_FDCWD, directory, flags)
  try {
    for (const [{ path }, below] of withBelow(implied, lowerDirs)) {
      const own = opened(root, path)
      if (own === undefined) continue
      changeOwner(own, below.uid, below.gid)
      changeMode(own, below.mode & 0o7777)
      setTimes(own, below.mtime)
      closeDescriptor(own)
    }
  } finally {
    closeDescriptor(root)
  }
}

/** The image is nobody's yet: it is mounted when its snapshot is committed. */
function inheritInImage(index: string, implied: readonly ImpliedDirectory[], lowerDirs: readonly string[]): void {
  const image = openAt(AT_FDCWD, index, openFlags.readwrite | openFlags.noFollow)
  try {
    for (const [{ inodeAt }, below] of withBelow(implied, lowerDirs)) {
      const inode = Buffer.alloc(ownershipLength)
      readInto(image, inode, inodeAt!)
      writeOwnership(inode, 0, below)
      writeAll(image, inode, inodeAt!)
    }
  } finally {
    closeDescriptor(image)
  }
}

/** The directories that are somewhere below, with what they are there. */
function* withBelow(
  implied: readonly ImpliedDirectory[],
  lowerDirs: readonly string[],
): Generator<readonly [ImpliedDirectory, FileStatus]> {
  const lower: number[] = []
  try {
    for (const path of lowerDirs) lower.push(openAt(AT_FDCWD, path, flags | openFlags.path))
    for (const directory of implied) {
      const below = nearest(lower, directory.path)
      if (below) yield [directory, below]
    }
  } finally {
    for (const descriptor of lower) closeDescriptor(descriptor)
  }
}

/** The directory in the nearest layer that has something of that name; undefined when that is something else. */
function nearest(lower: readonly number[], path: ByteText): FileStatus | undefined {
  for (const layer of lower) {
    try {
      const found = openAt2(layer, toBytes(path === "" ? "." : path), flags, rules)
      const status = statDescriptor(found)
      closeDescriptor(found)
      return status
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT") return undefined
    }
  }
  return undefined
}

/** @returns undefined when a later entry has replaced the directory by something else */
function opened(root: number, path: ByteText): number | undefined {
  try {
    return openAt2(root, toBytes(path === "" ? "." : path), flags, rules)
  } catch {
    return undefined
  }
}
