import { type BareNamespace, openBareNamespace } from "../linux/bare-namespace.ts"
import type { SystemCall } from "../linux/syscall-image.ts"

/** How a launch gets a mount table without the mounts of other containers. */
export interface ShortTable {
  /** Opens a mount namespace with nothing in it (`linux/bare-namespace.ts`). */
  readonly bare: string
  /** Mounts in unbindable directories that this launch needs: its root, its network namespace. */
  readonly carried: readonly string[]
}

const AT_FDCWD = -100
const O_RDONLY = 0
const O_CLOEXEC = 0x80000
const OPEN_TREE_CLONE = 1
const AT_RECURSIVE = 0x8000
const MOVE_MOUNT_F_EMPTY_PATH = 4
const CLONE_NEWNS = 0x20000

/** Gives the launch a mount namespace of its own: a copy of the whole table, however long it is. */
export const unshareMounts: SystemCall = ["unshare", CLONE_NEWNS]

/** The descriptors that {@link intoShortTable} leaves open until the runtime is executed, beginning with 3. */
export const descriptorsOf = ({ carried }: ShortTable): number => 2 + carried.length

/**
 * Gives the launch a mount namespace of its own with the host's mounts, but without what lies in unbindable directories
 * (`linux/unbindable-directories.ts`), except for what is carried. unshare(2) copies every mount and cannot leave any out;
 * open_tree(2) leaves out what is unbindable. So the host's tree is copied beside the table, and becomes the root of a
 * copy of a bare namespace. Its mounts are peers and slaves of the same mounts as after unshare.
 *
 * One call fails, and nothing has happened, on kernels before 5.2 and on those that refuse to move a tree with a mount
 * namespace bound to a file in it (as snapd has).
 */
export function intoShortTable({ bare, carried }: ShortTable): readonly SystemCall[] {
  const tree = 3
  const clone = OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE
  return [
    ["open_tree", AT_FDCWD, "/", clone],
    ...carried.map((path): SystemCall => ["open_tree", AT_FDCWD, path, clone]),
    ["openat", AT_FDCWD, bare, O_RDONLY | O_CLOEXEC, 0],
    ["setns", tree + 1 + carried.length, CLONE_NEWNS],
    unshareMounts,
    ["move_mount", tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH],
    ["fchdir", tree],
    ["chroot", "."],
    // The lower mount of the directory they lie in is private: they appear nowhere else.
    ...carried.map(
      (path, at): SystemCall => ["move_mount", tree + 1 + at, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH],
    ),
  ]
}

/** Short tables for the launches of one driver, for as long as they work on this host. */
export class ShortTables {
  #bare: Promise<BareNamespace | undefined> | undefined

  /** @returns undefined when a launch is to have the whole table */
  async of(carried: readonly string[] | undefined): Promise<ShortTable | undefined> {
    if (!carried) return undefined
    this.#bare ??= openBareNamespace().catch(() => undefined)
    const bare = await this.#bare
    return bare && { bare: bare.path, carried }
  }

  /** A launch failed with a short table and not without: from here on all have the whole one. */
  giveUp(): void {
    void this.#bare?.then((bare) => bare?.[Symbol.dispose]())
    this.#bare = Promise.resolve(undefined)
  }
}
