import { entryTypes, readDirectory } from "../../linux/directory.ts"
import {
  AT_FDCWD,
  closeDescriptor,
  fileTypes,
  openAt,
  openFlags,
  type PathBytes,
  removeDirectoryAt,
  renameAt,
  unlinkAt,
} from "../../linux/files.ts"
import { type FileStatus, findAt, statAt } from "../../linux/stat.ts"
import type { TreeUsage } from "./contract.ts"

const directoryFlags = openFlags.directory | openFlags.noFollow

/** Whether a call failed because there is nothing of that name. */
export const isMissing = (error: unknown): boolean => (error as { code?: string } | null)?.code === "ENOENT"

/** Counts what files hold, each inode once however many names it has; directories hold nothing, as in Docker's sizes. */
export class UsageCounter {
  readonly #seen = new Set<string>()
  #size = 0
  #inodes = 0

  add(status: FileStatus): void {
    const directory = (status.mode & fileTypes.mask) === fileTypes.directory
    if (status.links > 1 && !directory) {
      const key = `${status.device}:${status.inode}`
      if (this.#seen.has(key)) return
      this.#seen.add(key)
    }
    if (!directory) this.#size += status.size
    this.#inodes++
  }

  get usage(): TreeUsage {
    return { size: this.#size, inodes: this.#inodes }
  }
}

/** What lies deeper is not counted: no path reaches it. */
const deepestCounted = 2048

/**
 * What the tree at `path` holds, the directory itself included; never follows links. A tree that changes
 * meanwhile, or is not there, counts as far as it is seen. Blocks.
 */
export function treeUsage(path: PathBytes): TreeUsage {
  const counter = new UsageCounter()
  const walk = (parent: number, name: PathBytes, depth: number): void => {
    const status = findAt(parent, name)
    if (!status) return
    counter.add(status)
    if ((status.mode & fileTypes.mask) !== fileTypes.directory || depth > deepestCounted) return
    within(parent, name, (directory) => {
      for (const entry of readDirectory(directory)) walk(directory, entry.name, depth + 1)
    })
  }
  walk(AT_FDCWD, path, 0)
  return counter.usage
}

/** Directories nested deeper than this are moved up before they are deleted: one descriptor is held for each level. */
const deepest = 100

/**
 * Deletes `path` and everything below, however deep, never following links; what is gone already is no error. Blocks.
 * @returns bytes freed on disk
 * @throws SystemError
 */
export function removeTree(path: PathBytes): number {
  let freed = 0
  let moved = 0
  let top = -1
  const remove = (parent: number, name: PathBytes, isDirectory: boolean, depth: number): void => {
    try {
      const status = statAt(parent, name)
      if (!isDirectory) {
        if (status.links === 1) freed += status.blocks * 512
        unlinkAt(parent, name)
        return
      }
      if (depth > deepest) {
        renameAt(parent, name, top, `.deep-${moved++}`)
        return
      }
      within(parent, name, (directory) => {
        if (depth === 0) top = directory
        do {
          for (const entry of readDirectory(directory)) {
            const known = entry.type !== entryTypes.unknown
            const below = known ? entry.type === entryTypes.directory : isDirectoryAt(directory, entry.name)
            remove(directory, entry.name, below, depth + 1)
          }
        } while (depth === 0 && moved > 0 && readDirectory(directory).length > 0)
      })
      removeDirectoryAt(parent, name)
      freed += status.blocks * 512
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
  remove(AT_FDCWD, path, isDirectoryAt(AT_FDCWD, path), 0)
  return freed
}

function isDirectoryAt(parent: number, name: PathBytes): boolean {
  const status = findAt(parent, name)
  return status !== undefined && (status.mode & fileTypes.mask) === fileTypes.directory
}

/** Opens the directory `name` for the time of `work`; one that vanished is skipped. */
function within(parent: number, name: PathBytes, work: (directory: number) => void): void {
  let directory: number
  try {
    directory = openAt(parent, name, directoryFlags)
  } catch (error) {
    if (isMissing(error)) return
    throw error
  }
  try {
    work(directory)
  } finally {
    closeDescriptor(directory)
  }
}
