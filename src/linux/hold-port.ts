import { closeSync } from "node:fs"
import { addressBytes, addressOf } from "../std/ip.ts"
import { errno, libc, SystemError, types } from "./libc.ts"
import { socketFlags, socketTypes } from "./socket.ts"

const c = libc({
  socket: { args: [types.i32, types.i32, types.i32], returns: types.i32 },
  bind: { args: [types.i32, types.ptr, types.u32], returns: types.i32 },
  setsockopt: { args: [types.i32, types.i32, types.i32, types.ptr, types.u32], returns: types.i32 },
})

const AF_INET = 2
const AF_INET6 = 10
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const EAFNOSUPPORT = 97
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const transports = {
  tcp: { type: socketTypes.stream, protocol: 6 },
  udp: { type: socketTypes.dgram, protocol: 17 },
  sctp: { type: socketTypes.stream, protocol: 132 },
} as const

/**
 * Binds a port without listening, so that no other program of the host can have it while it is held; connections that
 * reach the socket are refused by the kernel. A listener's old connections (TIME_WAIT) do not stand in the way. An IPv6 address
 * is held without the IPv4 ones that could be written in it.
 * @param shared a listener of this process that allows reuse may come beside it
 * @returns a descriptor to close when the port is free again; undefined when the kernel lacks the protocol or IPv6
 * @throws SystemError; EADDRINUSE when somebody has the port, EADDRNOTAVAIL when the address is not the host's
 */
export function holdPort(
  protocol: keyof typeof transports,
  address: string,
  port: number,
  shared = false,
): number | undefined {
  const parsed = addressOf(address)
  if (!parsed) throw new RangeError(`${address} is not an IP address`)
  const transport = transports[protocol]
  const family = parsed.family === 4 ? AF_INET : AF_INET6
  const descriptor = c.socket(family, transport.type | socketFlags.cloexec, transport.protocol)
  if (descriptor < 0) {
    const number = errno()
    if (protocol === "sctp" || number === EAFNOSUPPORT) return undefined
    throw new SystemError("socket", number, protocol)
  }
  // Two UDP sockets that both allow reuse would share the port; for TCP the permission ends once ours is bound.
  if (protocol === "tcp") allowReuse(descriptor, true)
  const name = Buffer.alloc(parsed.family === 4 ? 16 : 28)
  name.writeUInt16LE(family, 0)
  name.writeUInt16BE(port, 2)
  name.set(addressBytes(parsed), parsed.family === 4 ? 4 : 8)
  if (parsed.family === 6) c.setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, new Int32Array([1]), 4)
  if (c.bind(descriptor, name, name.length) < 0) {
    const number = errno()
    closeSync(descriptor)
    throw new SystemError("bind", number, `${address}:${port}/${protocol}`)
  }
  if (protocol === "tcp" && !shared) allowReuse(descriptor, false)
  return descriptor
}

function allowReuse(descriptor: number, on: boolean): void {
  const value = new Int32Array([on ? 1 : 0])
  c.setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, value, 4)
}
