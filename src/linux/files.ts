import { check, libc, types } from "./libc.ts"

const { ptr, i32, u32, u64, i64 } = types
const c = libc({
  syscall: { args: [i64, i64, ptr, ptr, i64], returns: i64 },
  openat: { args: [i32, ptr, i32, u32], returns: i32 },
  close: { args: [i32], returns: i32 },
  write: { args: [i32, ptr, u64], returns: i64 },
  pwrite: { args: [i32, ptr, u64, i64], returns: i64 },
  pread: { args: [i32, ptr, u64, i64], returns: i64 },
  lseek: { args: [i32, i64, i32], returns: i64 },
  ftruncate: { args: [i32, i64], returns: i32 },
  mkdirat: { args: [i32, ptr, u32], returns: i32 },
  mknodat: { args: [i32, ptr, u32, u64], returns: i32 },
  symlinkat: { args: [ptr, i32, ptr], returns: i32 },
  readlinkat: { args: [i32, ptr, ptr, u64], returns: i64 },
  linkat: { args: [i32, ptr, i32, ptr, i32], returns: i32 },
  unlinkat: { args: [i32, ptr, i32], returns: i32 },
  renameat: { args: [i32, ptr, i32, ptr], returns: i32 },
  fchownat: { args: [i32, ptr, u32, u32, i32], returns: i32 },
  fchown: { args: [i32, u32, u32], returns: i32 },
  fchmodat: { args: [i32, ptr, u32, i32], returns: i32 },
  fchmod: { args: [i32, u32], returns: i32 },
  utimensat: { args: [i32, ptr, ptr, i32], returns: i32 },
  futimens: { args: [i32, ptr], returns: i32 },
  fsync: { args: [i32], returns: i32 },
  syncfs: { args: [i32], returns: i32 },
})

/** A name or path: bytes when it need not be UTF-8. */
export type PathBytes = string | Uint8Array

/** The directory descriptor that stands for the working directory. */
export const AT_FDCWD = -100
const AT_SYMLINK_NOFOLLOW = 0x100
const AT_REMOVEDIR = 0x200

/** Flags of open(2). O_DIRECTORY and O_NOFOLLOW differ between architectures. */
export const openFlags = {
  readonly: 0,
  writeonly: 1,
  readwrite: 2,
  create: 0o100,
  exclusive: 0o200,
  truncate: 0o1000,
  nonblock: 0o4000,
  directory: process.arch === "arm64" ? 0o40000 : 0o200000,
  noFollow: process.arch === "arm64" ? 0o100000 : 0o400000,
  closeOnExec: 0o2000000,
  path: 0o10000000,
} as const

/** How openat2(2) resolves a path. */
export const resolveFlags = {
  /** Refuse to cross mounts (EXDEV). */
  noMounts: 0x01,
  /** Refuse /proc's magic links (ELOOP). */
  noMagicLinks: 0x02,
  /** Refuse every symbolic link (ELOOP). */
  noSymlinks: 0x04,
  /** Refuse what leads out of the directory (EXDEV). */
  beneath: 0x08,
  /** The directory is the root for `/`, `..` and absolute links. */
  inRoot: 0x10,
} as const

// Paths are copied into these before each call: synchronous code shares them without allocation, and nothing that the
// kernel reads can be collected during a call.
const longest = 4096
const first = new Uint8Array(longest + 1)
const second = new Uint8Array(longest + 1)
const encoder = new TextEncoder()

/** Puts a NUL-terminated path into `buffer`. A path that the kernel would refuse as too long becomes one that it refuses. */
function fill(buffer: Uint8Array, path: PathBytes): Uint8Array {
  let length: number
  if (typeof path === "string") {
    const { read, written } = encoder.encodeInto(path, buffer.subarray(0, longest))
    length = read < path.length ? longest : written
    if (length === longest) buffer.fill(0x78)
  } else if (path.length >= longest) {
    length = longest
    buffer.fill(0x78)
  } else {
    buffer.set(path)
    length = path.length
  }
  buffer[length] = 0
  return buffer
}

const show = (path: PathBytes): string => (typeof path === "string" ? path : Buffer.from(path).toString())

/** openat(2), close-on-exec. @throws SystemError */
export function openAt(directory: number, path: PathBytes, flags: number, mode = 0): number {
  return check(c.openat(directory, fill(first, path), flags | openFlags.closeOnExec, mode), "openat", show(path))
}

const how = new BigUint64Array(3)

/**
 * openat2(2), close-on-exec: `path` resolved from `directory` under the rules of {@link resolveFlags}.
 * @throws SystemError; ELOOP, EXDEV when the rules refuse the path
 */
export function openAt2(directory: number, path: PathBytes, flags: number, resolve: number, mode = 0): number {
  how[0] = BigInt(flags | openFlags.closeOnExec)
  how[1] = BigInt(mode)
  how[2] = BigInt(resolve)
  for (let attempt = 0; ; attempt++) {
    const result = Number(c.syscall(437, directory, fill(first, path), how, 24))
    if (result >= 0) return result
    try {
      check(result, "openat2", show(path))
    } catch (error) {
      // The kernel could not tell whether a concurrent rename led outside: it asks for another try.
      if ((error as { code?: string }).code !== "EAGAIN" || attempt === 100) throw error
    }
  }
}

/** close(2); a descriptor that is closed already is ignored. */
export function closeDescriptor(descriptor: number): void {
  c.close(descriptor)
}

/** Writes all of `bytes` at the descriptor's position, or at `offset`. @throws SystemError */
export function writeAll(descriptor: number, bytes: Uint8Array, offset?: number): void {
  let at = 0
  while (at < bytes.length) {
    const rest = at === 0 ? bytes : bytes.subarray(at)
    const written =
      offset === undefined
        ? c.write(descriptor, rest, rest.length)
        : c.pwrite(descriptor, rest, rest.length, offset + at)
    at += check(written, "write")
  }
}

/** pread(2) into `buffer`. @returns bytes read, 0 at the end @throws SystemError */
export const readInto = (descriptor: number, buffer: Uint8Array, offset: number): number =>
  check(c.pread(descriptor, buffer, buffer.length, offset), "pread")

/** ftruncate(2). @throws SystemError */
export const truncate = (descriptor: number, size: number): void => {
  check(c.ftruncate(descriptor, size), "ftruncate")
}

/**
 * The first stretch of stored data at or after `offset` (lseek's SEEK_DATA, SEEK_HOLE).
 * @returns undefined when only a hole follows
 * @throws SystemError
 */
export function nextData(descriptor: number, offset: number): { start: number; end: number } | undefined {
  const start = Number(c.lseek(descriptor, offset, 3))
  if (start < 0) {
    try {
      check(start, "lseek")
    } catch (error) {
      if ((error as { code?: string }).code === "ENXIO") return undefined
      throw error
    }
  }
  return { start, end: check(c.lseek(descriptor, start, 4), "lseek") }
}

/** mkdirat(2); the mode is subject to the umask. @throws SystemError */
export const makeDirectoryAt = (directory: number, name: PathBytes, mode: number): void => {
  check(c.mkdirat(directory, fill(first, name), mode), "mkdirat", show(name))
}

/** File type bits of a mode. */
export const fileTypes = {
  mask: 0o170000,
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
} as const

/** mknodat(2) for devices, FIFOs and sockets; permissions are subject to the umask. @throws SystemError */
export function makeNodeAt(directory: number, name: PathBytes, mode: number, major = 0, minor = 0): void {
  const device =
    BigInt(minor & 0xff) |
    (BigInt(major & 0xfff) << 8n) |
    (BigInt(minor & ~0xff) << 12n) |
    (BigInt(major & ~0xfff) << 32n)
  check(c.mknodat(directory, fill(first, name), mode, device), "mknodat", show(name))
}

/** symlinkat(2). @throws SystemError */
export const makeSymlinkAt = (target: PathBytes, directory: number, name: PathBytes): void => {
  check(c.symlinkat(fill(first, target), directory, fill(second, name)), "symlinkat", show(name))
}

/** readlinkat(2). @throws SystemError */
export function readLinkAt(directory: number, name: PathBytes): Buffer {
  const target = Buffer.alloc(longest)
  const length = check(c.readlinkat(directory, fill(first, name), target, longest), "readlinkat", show(name))
  return target.subarray(0, length)
}

/** linkat(2); a symbolic link is linked itself, not followed. @throws SystemError */
export const linkAt = (fromDirectory: number, from: PathBytes, toDirectory: number, to: PathBytes): void => {
  check(c.linkat(fromDirectory, fill(first, from), toDirectory, fill(second, to), 0), "linkat", show(to))
}

/** unlinkat(2) of anything but a directory. @throws SystemError */
export const unlinkAt = (directory: number, name: PathBytes): void => {
  check(c.unlinkat(directory, fill(first, name), 0), "unlinkat", show(name))
}

/** unlinkat(2) of an empty directory. @throws SystemError */
export const removeDirectoryAt = (directory: number, name: PathBytes): void => {
  check(c.unlinkat(directory, fill(first, name), AT_REMOVEDIR), "rmdir", show(name))
}

/** renameat(2). @throws SystemError */
export const renameAt = (fromDirectory: number, from: PathBytes, toDirectory: number, to: PathBytes): void => {
  check(c.renameat(fromDirectory, fill(first, from), toDirectory, fill(second, to)), "renameat", show(from))
}

/** fchownat(2) of the name itself, never of what a link points to. @throws SystemError */
export const changeOwnerAt = (directory: number, name: PathBytes, uid: number, gid: number): void => {
  check(c.fchownat(directory, fill(first, name), uid, gid, AT_SYMLINK_NOFOLLOW), "fchownat", show(name))
}

/** fchown(2). @throws SystemError */
export const changeOwner = (descriptor: number, uid: number, gid: number): void => {
  check(c.fchown(descriptor, uid, gid), "fchown")
}

/** fchmodat(2); follows symbolic links, so `name` must be known not to be one. @throws SystemError */
export const changeModeAt = (directory: number, name: PathBytes, mode: number): void => {
  check(c.fchmodat(directory, fill(first, name), mode, 0), "fchmodat", show(name))
}

/** fchmod(2). @throws SystemError */
export const changeMode = (descriptor: number, mode: number): void => {
  check(c.fchmod(descriptor, mode), "fchmod")
}

const times = new BigInt64Array(4)

function fillTimes(modified: bigint, accessed: bigint): BigInt64Array {
  const set = (at: number, nanos: bigint) => {
    const rest = ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
    times[at] = (nanos - rest) / 1_000_000_000n
    times[at + 1] = rest
  }
  set(0, accessed)
  set(2, modified)
  return times
}

/** utimensat(2) of the name itself; nanoseconds since the epoch. @throws SystemError */
export const setTimesAt = (directory: number, name: PathBytes, modified: bigint, accessed = modified): void => {
  check(
    c.utimensat(directory, fill(first, name), fillTimes(modified, accessed), AT_SYMLINK_NOFOLLOW),
    "utimensat",
    show(name),
  )
}

/** futimens(3); nanoseconds since the epoch. @throws SystemError */
export const setTimes = (descriptor: number, modified: bigint, accessed = modified): void => {
  check(c.futimens(descriptor, fillTimes(modified, accessed)), "futimens")
}

/** fsync(2). Blocks. @throws SystemError */
export const syncDescriptor = (descriptor: number): void => {
  check(c.fsync(descriptor), "fsync")
}

/** syncfs(2): everything of the file system that the directory is on. Blocks. @throws SystemError */
export function syncFileSystemOf(directory: PathBytes): void {
  const descriptor = openAt(AT_FDCWD, directory, openFlags.directory)
  try {
    check(c.syncfs(descriptor), "syncfs", show(directory))
  } finally {
    closeDescriptor(descriptor)
  }
}
