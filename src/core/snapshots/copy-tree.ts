import { readDirectory } from "../../linux/directory.ts"
import {
  AT_FDCWD,
  changeMode,
  changeModeAt,
  changeOwner,
  changeOwnerAt,
  closeDescriptor,
  fileTypes,
  linkAt,
  makeDirectoryAt,
  makeNodeAt,
  makeSymlinkAt,
  nextData,
  openAt,
  openFlags,
  type PathBytes,
  readInto,
  readLinkAt,
  setTimes,
  setTimesAt,
  truncate,
  writeAll,
} from "../../linux/files.ts"
import { type FileStatus, statAt } from "../../linux/stat.ts"
import { getXattr, listXattrs, pathWithin, setXattr } from "../../linux/xattr.ts"

const chunk = Buffer.allocUnsafe(1 << 20)

/**
 * Copies the tree `from` to the new directory `to` with everything that belongs to it: owners, modes, times to the
 * nanosecond, attributes, hard links, holes, devices, FIFOs, names as bytes. Sockets are left out. Blocks.
 * @throws SystemError
 */
export function copyTree(from: PathBytes, to: PathBytes): void {
  const source = openAt(AT_FDCWD, from, openFlags.directory)
  try {
    makeDirectoryAt(AT_FDCWD, to, 0o700)
    const target = openAt(AT_FDCWD, to, openFlags.directory)
    try {
      new Copy(target).directory(source, target, statAt(AT_FDCWD, from))
    } finally {
      closeDescriptor(target)
    }
  } finally {
    closeDescriptor(source)
  }
}

class Copy {
  readonly #root: number
  /** Where each file with several names was copied to first, from the root. */
  readonly #linked = new Map<string, Buffer>()

  constructor(root: number) {
    this.#root = root
  }

  directory(source: number, target: number, status: FileStatus, path: Buffer = Buffer.alloc(0)): void {
    for (const { name } of readDirectory(source)) {
      this.#entry(source, target, name, path.length ? Buffer.concat([path, slash, name]) : name)
    }
    changeOwner(target, status.uid, status.gid)
    changeMode(target, status.mode & 0o7777)
    for (const key of listXattrs(source)) copyXattr(key, getXattr(source, key), target)
    setTimes(target, status.mtime, status.atime)
  }

  #entry(source: number, target: number, name: Buffer, path: Buffer): void {
    const status = statAt(source, name)
    const type = status.mode & fileTypes.mask
    if (type === fileTypes.directory) {
      makeDirectoryAt(target, name, 0o700)
      const from = openAt(source, name, openFlags.directory | openFlags.noFollow)
      const to = openAt(target, name, openFlags.directory | openFlags.noFollow)
      try {
        this.directory(from, to, status, path)
      } finally {
        closeDescriptor(from)
        closeDescriptor(to)
      }
      return
    }
    if (type === fileTypes.socket) return
    if (status.links > 1) {
      const key = `${status.device}:${status.inode}`
      const earlier = this.#linked.get(key)
      if (earlier) {
        linkAt(this.#root, earlier, target, name)
        return
      }
      this.#linked.set(key, path)
    }
    if (type === fileTypes.file) {
      copyFile(source, target, name, status)
      return
    }
    if (type === fileTypes.symlink) makeSymlinkAt(readLinkAt(source, name), target, name)
    else makeNodeAt(target, name, status.mode, status.major, status.minor)
    changeOwnerAt(target, name, status.uid, status.gid)
    if (type !== fileTypes.symlink) changeModeAt(target, name, status.mode & 0o7777)
    const from = pathWithin(source, name)
    for (const key of listXattrs(from)) copyXattr(key, getXattr(from, key), pathWithin(target, name))
    setTimesAt(target, name, status.mtime, status.atime)
  }
}

function copyFile(source: number, target: number, name: Buffer, status: FileStatus): void {
  const from = openAt(source, name, openFlags.readonly | openFlags.noFollow)
  const to = openAt(target, name, openFlags.writeonly | openFlags.create | openFlags.exclusive, 0o600)
  try {
    for (let data = nextData(from, 0); data; data = nextData(from, data.end)) {
      for (let at = data.start; at < data.end; ) {
        const length = readInto(from, chunk.subarray(0, Math.min(chunk.length, data.end - at)), at)
        if (length === 0) break
        writeAll(to, chunk.subarray(0, length), at)
        at += length
      }
    }
    truncate(to, status.size)
    changeOwner(to, status.uid, status.gid)
    changeMode(to, status.mode & 0o7777)
    for (const key of listXattrs(from)) copyXattr(key, getXattr(from, key), to)
    setTimes(to, status.mtime, status.atime)
  } finally {
    closeDescriptor(from)
    closeDescriptor(to)
  }
}

function copyXattr(key: string, value: Buffer | undefined, to: number | Uint8Array): void {
  // What belongs to an overlay is about its layers, not about the file.
  if (!value || key.startsWith("trusted.overlay.")) return
  setXattr(to, key, value)
}

const slash = Buffer.from("/")
