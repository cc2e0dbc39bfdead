import type { PathBytes } from "./files.ts"
import { check, cString, libc, types } from "./libc.ts"

const c = libc({
  statx: { args: [types.i32, types.ptr, types.i32, types.u32, types.ptr], returns: types.i32 },
})

/** What statx(2) tells, without following a final symbolic link. */
export interface FileStatus {
  /** Type and permission bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly inode: bigint
  readonly links: number
  /** Bytes. */
  readonly size: number
  /** Units of 512 bytes on disk. */
  readonly blocks: number
  /** Nanoseconds since the epoch. */
  readonly mtime: bigint
  readonly atime: bigint
  /** Of a device. */
  readonly major: number
  readonly minor: number
  /** The file system's device number, both halves in one. */
  readonly device: number
}

// struct statx has the same layout on every architecture.
const buffer = Buffer.alloc(256)
const AT_EMPTY_PATH = 0x1000
const AT_SYMLINK_NOFOLLOW = 0x100
const AT_STATX_DONT_SYNC = 0x4000
const basicStats = 0x7ff
const none = Buffer.of(0)

function read(): FileStatus {
  const time = (at: number) => buffer.readBigInt64LE(at) * 1_000_000_000n + BigInt(buffer.readUInt32LE(at + 8))
  return {
    links: buffer.readUInt32LE(16),
    uid: buffer.readUInt32LE(20),
    gid: buffer.readUInt32LE(24),
    mode: buffer.readUInt16LE(28),
    inode: buffer.readBigUInt64LE(32),
    size: Number(buffer.readBigUInt64LE(40)),
    blocks: Number(buffer.readBigUInt64LE(48)),
    atime: time(64),
    mtime: time(112),
    major: buffer.readUInt32LE(128),
    minor: buffer.readUInt32LE(132),
    device: buffer.readUInt32LE(136) * 0x100000 + buffer.readUInt32LE(140),
  }
}

/** The status of `name` within `directory`. @throws SystemError */
export function statAt(directory: number, name: PathBytes): FileStatus {
  const path = cString(name)
  check(c.statx(directory, path, AT_SYMLINK_NOFOLLOW, basicStats, buffer), "statx", String(name))
  return read()
}

/** As {@link statAt}, undefined when there is nothing of that name. @throws SystemError for other reasons */
export function findAt(directory: number, name: PathBytes): FileStatus | undefined {
  try {
    return statAt(directory, name)
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined
    throw error
  }
}

/** The status of an open file. @throws SystemError */
export function statDescriptor(descriptor: number): FileStatus {
  check(c.statx(descriptor, none, AT_EMPTY_PATH, basicStats, buffer), "statx")
  return read()
}

/**
 * What tells an open file from every other. The file system is not asked: one that a process serves (FUSE), or another host,
 * need not answer. @throws SystemError
 */
export function identityOf(descriptor: number): string {
  check(c.statx(descriptor, none, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, buffer), "statx")
  const { device, inode } = read()
  return `${device} ${inode}`
}
