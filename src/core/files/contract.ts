import type { Scope } from "../scope.ts"

/** What a path leads to; the path's last component is not followed, unless a slash or `/.` comes after it. */
export interface PathStatus {
  /** The last component, `/` for the root, `.` for a path that ends in it. */
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Type and permission bits, as stat(2) has them. */
  readonly mode: number
  /** Nanoseconds since the epoch. */
  readonly mtime: bigint
  /** For a symbolic link: what it leads to in the end, as far as that exists; empty otherwise. */
  readonly linkTarget: string
}

export interface UnpackOptions {
  /** Who is to own everything, instead of whom the archive names: `user[:group]` by the tree's own passwd and group. */
  readonly owner?: string
  /** Refuse to put a file where a directory is, or a directory where a file is; otherwise the old makes way. */
  readonly keepKinds: boolean
}

/**
 * Files of a tree that others may be changing at the same time. `root` is the host's path of the tree's root, e.g. a mounted
 * snapshot or `/proc/PID/root`; paths begin there, links and `..` never lead out of it, mounts within it belong to it.
 * Everything happens in another thread. A path that does not exist: notFound.
 */
export interface Files {
  /** What a directory of the host takes on disk with all that is in it, in bytes. */
  usage(directory: string): Promise<number>
  status(root: string, path: string): Promise<PathStatus>
  /** The path of an existing directory with every link resolved. @throws invalidArgument when it is not a directory */
  directory(root: string, path: string): Promise<string>
  /**
   * A tar of a file, a link itself, or a directory with all that is in it, named by the path's last component.
   * File systems that the kernel makes up (proc, sysfs, …) are empty directories in it.
   */
  pack(
    scope: Scope,
    root: string,
    path: string,
  ): Promise<{ readonly status: PathStatus; readonly chunks: AsyncIterable<Uint8Array> }>
  /**
   * Unpacks a tar, compressed or not, into a directory. Parents that are missing are made; what is unpacked by the time of a
   * failure stays.
   * @throws invalidArgument for a malformed archive · permissionDenied on a read-only file system · noSpace
   */
  unpack(
    scope: Scope,
    root: string,
    directory: string,
    archive: AsyncIterable<Uint8Array>,
    options: UnpackOptions,
  ): Promise<void>
}
