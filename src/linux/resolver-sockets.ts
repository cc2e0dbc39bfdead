import { closeSync } from "node:fs"
import { wouldBlock } from "./descriptor.ts"
import { check, errno, libc, SystemError, types } from "./libc.ts"
import { socketFlags, socketTypes } from "./socket.ts"

const c = libc({
  socket: { args: [types.i32, types.i32, types.i32], returns: types.i32 },
  bind: { args: [types.i32, types.ptr, types.u32], returns: types.i32 },
  listen: { args: [types.i32, types.i32], returns: types.i32 },
  getsockname: { args: [types.i32, types.ptr, types.ptr], returns: types.i32 },
  recvfrom: {
    args: [types.i32, types.ptr, types.u64, types.i32, types.ptr, types.ptr],
    returns: types.i64_fast,
  },
  sendto: { args: [types.i32, types.ptr, types.u64, types.i32, types.ptr, types.u32], returns: types.i64_fast },
})

const AF_INET = 2
const EINTR = 4
const EAGAIN = 11
const addressLength = 16

/** The sockets of a name server: both non-blocking, close-on-exec, of the network namespace that they were opened in. */
export class ResolverSockets implements Disposable {
  readonly udp: number
  readonly tcp: number
  #open = true

  /** Takes over open sockets. */
  constructor(udp: number, tcp: number) {
    this.udp = udp
    this.tcp = tcp
  }

  [Symbol.dispose](): void {
    if (!this.#open) return
    this.#open = false
    closeSync(this.udp)
    closeSync(this.tcp)
  }
}

/**
 * Opens a UDP and a TCP port of an IPv4 address in the calling thread's network namespace, which the kernel chooses.
 * @throws SystemError
 */
export function openResolverSockets(address: string): ResolverSockets {
  const name = Buffer.alloc(addressLength)
  name.writeUInt16LE(AF_INET, 0)
  name.set(address.split(".").map(Number), 4)
  const open = (type: number): number => {
    const socket = check(c.socket(AF_INET, type | socketFlags.cloexec | socketFlags.nonblock, 0), "socket")
    try {
      check(c.bind(socket, name, name.length), "bind", address)
      if (type === socketTypes.stream) check(c.listen(socket, 64), "listen", address)
      return socket
    } catch (error) {
      closeSync(socket)
      throw error
    }
  }
  const udp = open(socketTypes.dgram)
  try {
    return new ResolverSockets(udp, open(socketTypes.stream))
  } catch (error) {
    closeSync(udp)
    throw error
  }
}

/** The port that an IPv4 socket is bound to. @throws SystemError */
export function portOf(socket: number): number {
  const name = Buffer.alloc(addressLength)
  const length = new Uint32Array([addressLength])
  check(c.getsockname(socket, name, length), "getsockname")
  return name.readUInt16BE(2)
}

/** Who sent a datagram, in the kernel's form: to be handed to {@link sendTo} as it is. */
export type Sender = Buffer

const datagram = Buffer.from(new ArrayBuffer(64 * 1024))
const senderName = Buffer.from(new ArrayBuffer(addressLength))
const senderLength = new Uint32Array(1)

/** The next datagram, or {@link wouldBlock}. @throws SystemError */
export function receiveFrom(socket: number): { readonly bytes: Buffer; readonly sender: Sender } | typeof wouldBlock {
  for (;;) {
    senderLength[0] = addressLength
    const length = Number(c.recvfrom(socket, datagram, BigInt(datagram.length), 0, senderName, senderLength))
    if (length >= 0) {
      return { bytes: Buffer.from(datagram.subarray(0, length)), sender: Buffer.from(senderName) }
    }
    const number = errno()
    if (number === EAGAIN) return wouldBlock
    if (number !== EINTR) throw new SystemError("recvfrom", number)
  }
}

/** Sends a datagram; one that cannot be sent is lost, as datagrams are. */
export function sendTo(socket: number, bytes: Uint8Array, to: Sender): void {
  c.sendto(socket, bytes, BigInt(bytes.length), 0, to, to.length)
}
