import { check, libc, types } from "./libc.ts"

const c = libc({
  syscall: { args: [types.i64, types.i64, types.ptr, types.u64], returns: types.i64 },
  lseek: { args: [types.i32, types.i64, types.i32], returns: types.i64 },
})

const getdents64 = process.arch === "arm64" ? 61 : 217

/** Types of directory entries (`d_type`); `unknown` on file systems that do not tell. */
export const entryTypes = {
  unknown: 0,
  fifo: 1,
  character: 2,
  directory: 4,
  block: 6,
  file: 8,
  symlink: 10,
  socket: 12,
}

export interface DirectoryEntry {
  /** As bytes: names need not be UTF-8. */
  readonly name: Buffer
  /** One of {@link entryTypes}. */
  readonly type: number
}

const buffer = Buffer.alloc(64 * 1024)

/**
 * The entries of an open directory, from its beginning, without `.` and `..`, in the file system's order.
 * @throws SystemError
 */
export function readDirectory(descriptor: number): DirectoryEntry[] {
  check(c.lseek(descriptor, 0, 0), "lseek")
  const entries: DirectoryEntry[] = []
  for (;;) {
    const length = check(c.syscall(getdents64, descriptor, buffer, buffer.length), "getdents64")
    if (length === 0) return entries
    for (let at = 0; at < length; ) {
      const size = buffer.readUInt16LE(at + 16)
      const start = at + 19
      const name = Buffer.from(buffer.subarray(start, buffer.indexOf(0, start)))
      const dots = name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e))
      if (!dots) entries.push({ name, type: buffer[at + 18]! })
      at += size
    }
  }
}
