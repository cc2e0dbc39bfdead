import { check, libc, types } from "./libc.ts"

const c = libc({
  socketpair: { args: [types.i32, types.i32, types.i32, types.ptr], returns: types.i32 },
  setsockopt: { args: [types.i32, types.i32, types.i32, types.ptr, types.u32], returns: types.i32 },
  getsockopt: { args: [types.i32, types.i32, types.i32, types.ptr, types.ptr], returns: types.i32 },
  fcntl: { args: [types.i32, types.i32, types.i32], returns: types.i32 },
})

/** Types of socket(2). `seqpacket` keeps message boundaries and tells the end of the peer. */
export const socketTypes = { stream: 1, dgram: 2, raw: 3, seqpacket: 5 } as const

/** Flags of socket(2). */
export const socketFlags = { nonblock: 0o4000, cloexec: 0o2000000 } as const

const AF_UNIX = 1
const F_SETFD = 2
const SOL_SOCKET = 1
const SO_PEERCRED = 17
const SO_SNDBUFFORCE = 32

/**
 * A connected pair of unix sockets, both close-on-exec. The caller closes both.
 * @throws SystemError
 */
export function socketPair(type: keyof typeof socketTypes = "seqpacket"): [number, number] {
  const pair = new Int32Array(2)
  check(c.socketpair(AF_UNIX, socketTypes[type] | socketFlags.cloexec, 0, pair), "socketpair")
  return [pair[0]!, pair[1]!]
}

/** Sets or clears close-on-exec, for descriptors that came from outside or shall be inherited. @throws SystemError */
export function setCloseOnExec(descriptor: number, on: boolean): void {
  check(c.fcntl(descriptor, F_SETFD, on ? 1 : 0), "fcntl(F_SETFD)")
}

/** Lets `bytes` of messages wait in a socket's peer (the kernel counts its own overhead too), beyond the system's limit. @throws SystemError; EPERM without CAP_NET_ADMIN */
export function growSendBuffer(descriptor: number, bytes: number): void {
  const size = new Int32Array([bytes])
  check(c.setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, size, 4), "setsockopt(SO_SNDBUFFORCE)")
}

/** The PID of the process at the other end of a connected unix socket: the one that listens, where this one has connected. @throws SystemError */
export function peerOf(descriptor: number): number {
  const [credentials, length] = [new Int32Array(3), new Uint32Array([12])]
  check(c.getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, credentials, length), "getsockopt(SO_PEERCRED)")
  return credentials[0]!
}
