import { realpathSync } from "node:fs"
import { mount, mountFlags, umount } from "./mount.ts"
import { type MountTableEntry, mountTable } from "./mount-table.ts"

/**
 * Directories for many mounts, which stay out of copies of the mount table that open_tree(2) and recursive bind mounts make.
 *
 * Each is bound to itself twice. The upper mount is unbindable, and what is mounted in the directory lies on it: copies
 * leave both out. The lower one is private and part of copies: what is mounted in the directory of a copy goes nowhere
 * else, also where everything around it is shared. All three, directory and mounts, have the same files.
 *
 * They outlive this process, as the mounts in them do, and are found again by the next {@link open}.
 */
export class UnbindableDirectories {
  readonly #paths: readonly string[]

  private constructor(paths: readonly string[]) {
    this.#paths = paths
  }

  /**
   * Makes directories unbindable where that is possible: not while an earlier build has mounts in one that is not, not
   * within an unbindable mount of somebody else's, and not without the right to mount.
   * @param options.seen directories that copies must have as well: when one lies on such a mount, none is made unbindable
   */
  static open(paths: readonly string[], options: { readonly seen: readonly string[] }): UnbindableDirectories {
    const table = mountTable()
    const others = otherUnbindable(table)
    const hidden = [...paths, ...options.seen].some((path) => liesOn(realpathSync(path), others))
    return new UnbindableDirectories(hidden ? [] : paths.filter((path) => makeUnbindable(path, table)))
  }

  /** Whether `path` lies in one of these directories. */
  holds(path: string): boolean {
    return this.#paths.some((directory) => path.startsWith(`${directory}/`))
  }

  /** Takes away the mounts of directories in which nothing is mounted any more. */
  close(): void {
    const table = mountTable()
    for (const path of this.#paths) {
      const real = realpathSync(path)
      const unused = !table.some((entry) => isBelow(entry.mountPoint, real))
      if (unused && table.some((entry) => entry.mountPoint === real && isUpper(entry, table))) uncover(real, 2)
    }
  }
}

/**
 * Mounts that copies of the mount table leave out, with everything below them, apart from those of {@link UnbindableDirectories}.
 * @returns where they are mounted
 */
export function otherUnbindable(table = mountTable()): readonly string[] {
  return table.filter((entry) => entry.unbindable && !isUpper(entry, table)).map(({ mountPoint }) => mountPoint)
}

/** Whether `path`, absolute and without links, is one of `mountPoints` or lies below one. */
export const liesOn = (path: string, mountPoints: readonly string[]): boolean =>
  mountPoints.some((mountPoint) => path === mountPoint || isBelow(path, mountPoint))

/** @returns whether it is unbindable now */
function makeUnbindable(path: string, table: readonly MountTableEntry[]): boolean {
  const real = realpathSync(path)
  if (table.some((entry) => entry.mountPoint === real && isUpper(entry, table))) return true
  if (table.some((entry) => isBelow(entry.mountPoint, real))) return false
  let mounted = 0
  try {
    for (const propagation of [mountFlags.private, mountFlags.unbindable]) {
      mount({ source: real, target: real, flags: mountFlags.bind })
      mounted++
      mount({ source: "none", target: real, flags: propagation })
    }
    return true
  } catch {
    uncover(real, mounted)
    return false
  }
}

/** Takes away the uppermost mounts at `path`. */
function uncover(path: string, mounts: number): void {
  for (let left = mounts; left > 0; left--) umount(path, { detach: true })
}

/** Whether a mount is the upper one of a directory that is bound to itself twice. */
const isUpper = (entry: MountTableEntry, table: readonly MountTableEntry[]): boolean =>
  entry.unbindable &&
  table.some(
    ({ mountPoint, tree, unbindable }) => !unbindable && mountPoint === entry.mountPoint && tree === entry.tree,
  )

const isBelow = (path: string, directory: string): boolean => path.startsWith(directory === "/" ? "/" : `${directory}/`)
