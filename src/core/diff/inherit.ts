import {
  changeMode,
  changeOwner,
  closeDescriptor,
  openAt,
  openAt2,
  openFlags,
  resolveFlags,
  setTimes,
} from "../../linux/files.ts"
import { type FileStatus, statDescriptor } from "../../linux/stat.ts"
import { type ByteText, toBytes } from "./entry-path.ts"

const flags = openFlags.directory | openFlags.noFollow
const rules = resolveFlags.inRoot | resolveFlags.noMagicLinks

/**
 * Gives directories that a layer only implies the owner, mode and times that they have in the layers below. What is nowhere below stays
 * as it was made.
 * @param directory the layer's own
 * @param implied paths within it; empty for its root
 * @param lowerDirs the layers below, nearest first
 */
export function inheritAttributes(directory: string, implied: readonly ByteText[], lowerDirs: readonly string[]): void {
  const root = openAt(-100, directory, flags)
  const lower: number[] = []
  try {
    for (const path of lowerDirs) lower.push(openAt(-100, path, flags | openFlags.path))
    for (const path of implied) {
      const below = nearest(lower, path)
      const own = below && opened(root, path)
      if (own === undefined) continue
      changeOwner(own, below!.uid, below!.gid)
      changeMode(own, below!.mode & 0o7777)
      setTimes(own, below!.mtime)
      closeDescriptor(own)
    }
  } finally {
    for (const descriptor of [root, ...lower]) closeDescriptor(descriptor)
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
