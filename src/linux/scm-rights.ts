import { ptr } from "bun:ffi"
import { errno, libc, SystemError, types } from "./libc.ts"

/**
 * Descriptors over unix sockets (unix(7), SCM_RIGHTS). The header, vector, control area and data buffer of a call live as
 * long as this module: the kernel is given their addresses, and nothing may move or collect them during a call.
 */
const c = libc({
  sendmsg: { args: [types.i32, types.ptr, types.i32], returns: types.i64_fast },
  recvmsg: { args: [types.i32, types.ptr, types.i32], returns: types.i64_fast },
})

const MSG_PEEK = 0x2
const MSG_CTRUNC = 0x8
const MSG_TRUNC = 0x20
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const MSG_CMSG_CLOEXEC = 0x40000000
const SOL_SOCKET = 1
const SCM_RIGHTS = 1
const EINTR = 4
const EAGAIN = 11
/** The kernel's SCM_MAX_FD. */
const maxDescriptors = 253
const headerLength = 16
const maxMessage = 64 * 1024

// Over an ArrayBuffer of their own: a small typed array without one moves when its `buffer` is first asked for.
const data = Buffer.from(new ArrayBuffer(maxMessage))
const control = Buffer.from(new ArrayBuffer(headerLength + 4 * maxDescriptors + 4))
const dataAt = BigInt(ptr(data))
const controlAt = BigInt(ptr(control))
/** struct iovec: base, length. */
const vector = new BigUint64Array(new ArrayBuffer(16))
const vectorAt = BigInt(ptr(vector))
/** struct msghdr of LP64: name, name length, vector, vector length, control, control length, flags. */
const header = new BigUint64Array(7)

function prepare(dataLength: number, controlLength: number): void {
  vector[0] = dataAt
  vector[1] = BigInt(dataLength)
  header.fill(0n)
  header[2] = vectorAt
  header[3] = 1n
  header[4] = controlLength ? controlAt : 0n
  header[5] = BigInt(controlLength)
}

/**
 * Sends `bytes` (1 byte to 64 KiB) together with `descriptors` (at most 253). The receiver gets its own copies; the sender keeps
 * its own and closes them when it likes.
 * @returns bytes sent: fewer than given only on a stream socket; undefined when a non-blocking socket is full
 * @throws SystemError; EPIPE when the peer has gone (no signal is raised)
 */
export function sendDescriptors(
  socket: number,
  bytes: Uint8Array,
  descriptors: readonly number[] = [],
): number | undefined {
  if (bytes.length === 0 || bytes.length > maxMessage) throw new RangeError(`a message has 1 to ${maxMessage} bytes`)
  if (descriptors.length > maxDescriptors) throw new RangeError(`at most ${maxDescriptors} descriptors go at once`)
  data.set(bytes)
  const rights = rightsOf(descriptors)
  control.set(rights)
  for (;;) {
    prepare(bytes.length, rights.length)
    const sent = Number(c.sendmsg(socket, header, MSG_NOSIGNAL))
    if (sent >= 0) return sent
    const number = errno()
    if (number === EINTR) continue
    if (number === EAGAIN) return undefined
    throw new SystemError("sendmsg", number)
  }
}

/** The control area of a message that carries `descriptors`; empty when there are none. */
export function rightsOf(descriptors: readonly number[]): Buffer {
  if (descriptors.length === 0) return Buffer.alloc(0)
  const length = headerLength + 4 * descriptors.length
  const rights = Buffer.alloc((length + 7) & ~7)
  rights.writeBigUInt64LE(BigInt(length), 0)
  rights.writeInt32LE(SOL_SOCKET, 8)
  rights.writeInt32LE(SCM_RIGHTS, 12)
  for (const [index, descriptor] of descriptors.entries()) rights.writeInt32LE(descriptor, headerLength + 4 * index)
  return rights
}

export interface Received {
  /** A copy; empty at the end of a stream or sequence. */
  readonly bytes: Buffer
  /** Close-on-exec descriptors that now belong to the caller, who closes them. */
  readonly descriptors: readonly number[]
  /** The message or its descriptors did not fit and were cut. */
  readonly truncated: boolean
}

/**
 * Receives one message (at most 64 KiB) and the descriptors that came with it.
 * @param options.peek leave the message where it is: the descriptors are the caller's all the same
 * @returns undefined when there is nothing to read
 * @throws SystemError
 */
export function receiveDescriptors(socket: number, options: { readonly peek?: boolean } = {}): Received | undefined {
  const how = MSG_CMSG_CLOEXEC | MSG_DONTWAIT | (options.peek ? MSG_PEEK : 0)
  for (;;) {
    prepare(maxMessage, control.length)
    const length = Number(c.recvmsg(socket, header, how))
    if (length < 0) {
      const number = errno()
      if (number === EINTR) continue
      if (number === EAGAIN) return undefined
      throw new SystemError("recvmsg", number)
    }
    const flags = Number(header[6]! & 0xffff_ffffn)
    return {
      bytes: Buffer.from(data.subarray(0, length)),
      descriptors: receivedDescriptors(Number(header[5]!)),
      truncated: (flags & (MSG_TRUNC | MSG_CTRUNC)) !== 0,
    }
  }
}

function receivedDescriptors(controlLength: number): number[] {
  const found: number[] = []
  for (let at = 0; at + headerLength <= controlLength; ) {
    const length = Number(control.readBigUInt64LE(at))
    if (length < headerLength) break
    if (control.readInt32LE(at + 8) === SOL_SOCKET && control.readInt32LE(at + 12) === SCM_RIGHTS)
      for (let next = at + headerLength; next + 4 <= at + length; next += 4) found.push(control.readInt32LE(next))
    at += (length + 7) & ~7
  }
  return found
}
