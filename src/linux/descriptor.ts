import { check, errno, libc, SystemError, types } from "./libc.ts"

const c = libc({
  read: { args: [types.i32, types.ptr, types.u64], returns: types.i64_fast },
  write: { args: [types.i32, types.ptr, types.u64], returns: types.i64_fast },
  fcntl: { args: [types.i32, types.i32, types.i32], returns: types.i32 },
  dup2: { args: [types.i32, types.i32], returns: types.i32 },
  pipe2: { args: [types.ptr, types.i32], returns: types.i32 },
  ioctl: { args: [types.i32, types.u64, types.ptr], returns: types.i32 },
  splice: {
    args: [types.i32, types.ptr, types.i32, types.ptr, types.u64, types.u32],
    returns: types.i64_fast,
  },
})

const EINTR = 4
const EAGAIN = 11
const F_GETFL = 3
const F_SETFL = 4
const F_DUPFD_CLOEXEC = 1030
const F_SETPIPE_SZ = 1031
const FIONREAD = 0x541b
const SPLICE_F_MOVE = 1
const SPLICE_F_NONBLOCK = 2
const O_NONBLOCK = 0o4000
const O_CLOEXEC = 0o2000000

/** What {@link readNow} and {@link writeNow} give when a non-blocking descriptor would block. */
export const wouldBlock = -1

/**
 * read(2) from a non-blocking descriptor of any kind.
 * @returns bytes read, 0 at the end, {@link wouldBlock} when there is nothing now
 * @throws SystemError; EIO is how a PTY's master tells that every process on its other side has gone
 */
export function readNow(descriptor: number, into: Uint8Array): number {
  for (;;) {
    const length = Number(c.read(descriptor, into, into.length))
    if (length >= 0) return length
    const number = errno()
    if (number === EAGAIN) return wouldBlock
    if (number !== EINTR) throw new SystemError("read", number)
  }
}

/**
 * write(2) to a non-blocking descriptor of any kind.
 * @returns bytes taken, perhaps fewer than given, or {@link wouldBlock}
 * @throws SystemError; EPIPE when nobody can read any more (Bun ignores SIGPIPE)
 */
export function writeNow(descriptor: number, bytes: Uint8Array): number {
  for (;;) {
    const length = Number(c.write(descriptor, bytes, bytes.length))
    if (length >= 0) return length
    const number = errno()
    if (number === EAGAIN) return wouldBlock
    if (number !== EINTR) throw new SystemError("write", number)
  }
}

/** Sets or clears O_NONBLOCK, which belongs to the open file and so to every duplicate of the descriptor. @throws SystemError */
export function setNonBlocking(descriptor: number, on: boolean): void {
  const flags = check(c.fcntl(descriptor, F_GETFL, 0), "fcntl(F_GETFL)")
  check(c.fcntl(descriptor, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK), "fcntl(F_SETFL)")
}

/**
 * Asks for a pipe or FIFO that holds `bytes`. Smaller than asked is no failure: the kernel limits what a user's pipes may
 * hold together (/proc/sys/fs/pipe-user-pages-soft).
 */
export function growPipe(descriptor: number, bytes: number): void {
  for (let size = bytes; size > 64 * 1024; size >>= 1) if (c.fcntl(descriptor, F_SETPIPE_SZ, size) >= 0) return
}

/** Makes `target` another name of `descriptor`'s open file (dup2(2)); without close-on-exec. @throws SystemError */
export function redirect(descriptor: number, target: number): void {
  check(c.dup2(descriptor, target), "dup2")
}

/** An anonymous pipe, both ends close-on-exec. @returns its reading and its writing end */
export function pipe(): [number, number] {
  const pair = new Int32Array(2)
  check(c.pipe2(pair, O_CLOEXEC), "pipe2")
  return [pair[0]!, pair[1]!]
}

/** Another descriptor of the same open file, close-on-exec, with the lowest number that is free. @throws SystemError */
export function duplicate(descriptor: number): number {
  return check(c.fcntl(descriptor, F_DUPFD_CLOEXEC, 3), "fcntl(F_DUPFD_CLOEXEC)")
}

/**
 * Moves up to `most` bytes from one pipe to another inside the kernel (splice(2)): whatever happens to this process, each
 * of them is in one of the two.
 * @returns bytes moved, 0 when `from` is at its end, {@link wouldBlock} when it is empty or `to` is full
 * @throws SystemError
 */
export function movePiped(from: number, to: number, most: number): number {
  for (;;) {
    const moved = Number(c.splice(from, null, to, null, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK))
    if (moved >= 0) return moved
    const number = errno()
    if (number === EAGAIN) return wouldBlock
    if (number !== EINTR) throw new SystemError("splice", number)
  }
}

/** Bytes that wait to be read from a pipe (ioctl FIONREAD). @throws SystemError */
export function waitingBytes(descriptor: number): number {
  const count = new Int32Array(new ArrayBuffer(4))
  check(c.ioctl(descriptor, BigInt(FIONREAD), count), "ioctl(FIONREAD)")
  return count[0]!
}
