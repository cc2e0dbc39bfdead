import { ptr } from "bun:ffi"
import { closeSync } from "node:fs"
import { addressBytes, addressOf } from "../std/ip.ts"
import { wouldBlock } from "./descriptor.ts"
import { check, errno, libc, SystemError, types } from "./libc.ts"
import { socketFlags, socketTypes } from "./socket.ts"

/**
 * UDP on sockets of every address: a datagram comes with the address that it was sent to, and an answer leaves from there (ip(7),
 * ipv6(7), packet information). The buffers of a call live as long as this module, as the kernel is given their addresses.
 */
const c = libc({
  socket: { args: [types.i32, types.i32, types.i32], returns: types.i32 },
  connect: { args: [types.i32, types.ptr, types.u32], returns: types.i32 },
  setsockopt: { args: [types.i32, types.i32, types.i32, types.ptr, types.u32], returns: types.i32 },
  sendmsg: { args: [types.i32, types.ptr, types.i32], returns: types.i64_fast },
  recvmsg: { args: [types.i32, types.ptr, types.i32], returns: types.i64_fast },
})

const AF_INET = 2
const AF_INET6 = 10
const IPPROTO_IP = 0
const IP_PKTINFO = 8
const IPPROTO_IPV6 = 41
const IPV6_RECVPKTINFO = 49
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const EINTR = 4
const EAGAIN = 11

/** struct cmsghdr of LP64 and behind it in_pktinfo (interface, local address, address) or in6_pktinfo (address, interface). */
const controlHeader = 16
const longestControl = 64
const interfaceAt = { [AF_INET]: controlHeader, [AF_INET6]: controlHeader + 16 } as const

const data = Buffer.from(new ArrayBuffer(64 * 1024))
const name = Buffer.from(new ArrayBuffer(28))
const control = Buffer.from(new ArrayBuffer(longestControl))
const [dataAt, nameAt, controlAt] = [BigInt(ptr(data)), BigInt(ptr(name)), BigInt(ptr(control))]
/** struct iovec: base, length. */
const vector = new BigUint64Array(new ArrayBuffer(16))
const vectorAt = BigInt(ptr(vector))
/** struct msghdr of LP64: name, name length, vector, vector length, control, control length, flags. */
const header = new BigUint64Array(7)

function prepare(nameLength: number, dataLength: number, controlLength: number): void {
  vector[0] = dataAt
  vector[1] = BigInt(dataLength)
  header[0] = nameLength > 0 ? nameAt : 0n
  header[1] = BigInt(nameLength)
  header[2] = vectorAt
  header[3] = 1n
  header[4] = controlLength > 0 ? controlAt : 0n
  header[5] = BigInt(controlLength)
  header[6] = 0n
}

/** Who sent a datagram and where to, in the kernel's form: to be handed to {@link sendDatagram} for an answer. */
export interface Peer {
  readonly name: Buffer
  readonly control: Buffer
}

/** A datagram, with its peer where the socket is not connected. */
export interface Datagram extends Peer {
  readonly bytes: Buffer
}

/** From now on datagrams come with the address that they were sent to. @throws SystemError */
export function tellDestination(socket: number, family: 4 | 6): void {
  const on = new Int32Array([1])
  const [level, option] = family === 4 ? [IPPROTO_IP, IP_PKTINFO] : [IPPROTO_IPV6, IPV6_RECVPKTINFO]
  check(c.setsockopt(socket, level, option, on, 4), "setsockopt")
}

/** The next datagram, or {@link wouldBlock}. @throws SystemError; ECONNREFUSED when an earlier one was refused */
export function receiveDatagram(socket: number): Datagram | typeof wouldBlock {
  for (;;) {
    prepare(name.length, data.length, control.length)
    const length = Number(c.recvmsg(socket, header, MSG_DONTWAIT))
    if (length >= 0)
      return {
        bytes: Buffer.from(data.subarray(0, length)),
        name: Buffer.from(name.subarray(0, Number(header[1]! & 0xffff_ffffn))),
        control: answering(Buffer.from(control.subarray(0, Number(header[5]!)))),
      }
    const number = errno()
    if (number === EAGAIN) return wouldBlock
    if (number !== EINTR) throw new SystemError("recvmsg", number)
  }
}

/** What an answer says of its source: the address; routes choose the interface, except for link-local addresses. */
function answering(information: Buffer): Buffer {
  if (information.length <= controlHeader) return information
  const six = information.readInt32LE(8) === IPPROTO_IPV6
  const local = six && information[controlHeader] === 0xfe && (information[controlHeader + 1]! & 0xc0) === 0x80
  if (!local) information.writeUInt32LE(0, interfaceAt[six ? AF_INET6 : AF_INET])
  return information
}

/** Sends a datagram, to `peer` or where the socket is connected to; one that cannot be sent is lost, as datagrams are. */
export function sendDatagram(socket: number, bytes: Uint8Array, peer?: Peer): void {
  data.set(bytes)
  name.set(peer?.name ?? [])
  control.set(peer?.control ?? [])
  prepare(peer?.name.length ?? 0, bytes.length, peer?.control.length ?? 0)
  c.sendmsg(socket, header, MSG_DONTWAIT | MSG_NOSIGNAL)
}

/** A non-blocking UDP socket that is connected to an address; the caller closes it. @throws SystemError */
export function connectDatagrams(address: string, port: number): number {
  const parsed = addressOf(address)
  if (!parsed) throw new RangeError(`${address} is not an IP address`)
  const family = parsed.family === 4 ? AF_INET : AF_INET6
  const socket = check(c.socket(family, socketTypes.dgram | socketFlags.cloexec | socketFlags.nonblock, 0), "socket")
  const to = Buffer.alloc(parsed.family === 4 ? 16 : 28)
  to.writeUInt16LE(family, 0)
  to.writeUInt16BE(port, 2)
  to.set(addressBytes(parsed), parsed.family === 4 ? 4 : 8)
  try {
    check(c.connect(socket, to, to.length), "connect", `${address}:${port}/udp`)
    return socket
  } catch (error) {
    closeSync(socket)
    throw error
  }
}
