import { closeSync } from "node:fs"
import { errno, libc, SystemError, types } from "./libc.ts"
import { socketFlags, socketTypes } from "./socket.ts"

const c = libc({
  socket: { args: [types.i32, types.i32, types.i32], returns: types.i32 },
  bind: { args: [types.i32, types.ptr, types.u32], returns: types.i32 },
  setsockopt: { args: [types.i32, types.i32, types.i32, types.ptr, types.u32], returns: types.i32 },
})

const AF_INET = 2
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const transports = {
  tcp: { type: socketTypes.stream, protocol: 6 },
  udp: { type: socketTypes.dgram, protocol: 17 },
  sctp: { type: socketTypes.stream, protocol: 132 },
} as const

/**
 * Binds an IPv4 port without listening, so that no other program of the host can have it while it is held; connections that
 * reach the socket are refused by the kernel. A listener's old connections (TIME_WAIT) do not stand in the way.
 * @returns a descriptor to close when the port is free again; undefined when the kernel lacks the protocol
 * @throws SystemError; EADDRINUSE when somebody has the port, EADDRNOTAVAIL when the address is not the host's
 */
export function holdPort(protocol: keyof typeof transports, address: string, port: number): number | undefined {
  const transport = transports[protocol]
  const descriptor = c.socket(AF_INET, transport.type | socketFlags.cloexec, transport.protocol)
  if (descriptor < 0) {
    const number = errno()
    if (protocol === "sctp") return undefined
    throw new SystemError("socket", number, protocol)
  }
  // Two UDP sockets that both allow reuse would share the port; for TCP the permission ends once ours is bound.
  if (protocol === "tcp") allowReuse(descriptor, true)
  const name = Buffer.alloc(16)
  name.writeUInt16LE(AF_INET, 0)
  name.writeUInt16BE(port, 2)
  name.set(address.split(".").map(Number), 4)
  if (c.bind(descriptor, name, name.length) < 0) {
    const number = errno()
    closeSync(descriptor)
    throw new SystemError("bind", number, `${address}:${port}/${protocol}`)
  }
  if (protocol === "tcp") allowReuse(descriptor, false)
  return descriptor
}

function allowReuse(descriptor: number, on: boolean): void {
  const value = new Int32Array([on ? 1 : 0])
  c.setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, value, 4)
}
