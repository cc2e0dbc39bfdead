import { closeSync } from "node:fs"
import { check, errno, libc, SystemError, types } from "./libc.ts"
import { attributesOf, textOf } from "./netlink-attributes.ts"
import { batchMarks, type netfilterSubsystems } from "./nfnetlink-batch.ts"
import { socketFlags, socketTypes } from "./socket.ts"

const c = libc({
  socket: { args: [types.i32, types.i32, types.i32], returns: types.i32 },
  setsockopt: { args: [types.i32, types.i32, types.i32, types.ptr, types.u32], returns: types.i32 },
  send: { args: [types.i32, types.ptr, types.u64, types.i32], returns: types.i64_fast },
  recv: { args: [types.i32, types.ptr, types.u64, types.i32], returns: types.i64_fast },
})

const AF_NETLINK = 16
const SOL_NETLINK = 270
const NETLINK_EXT_ACK = 11
const EINTR = 4
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const NLM_F_ACK_TLVS = 0x200
const NLM_F_CAPPED = 0x100
const NLM_F_DUMP_INTR = 0x10
const headerLength = 16
const receiveBuffer = Buffer.from(new ArrayBuffer(256 * 1024))

/** Protocols of netlink(7). */
export const netlinkProtocols = { route: 0, netfilter: 12 } as const

/** Flags of a request. */
export const requestFlags = {
  request: 1,
  ack: 4,
  exclusive: 0x200,
  create: 0x400,
  replace: 0x100,
  append: 0x800,
  dump: 0x300,
} as const

/** One request: its type, flags beyond REQUEST and ACK, and payload. `subject` names it in errors. */
export interface NetlinkRequest {
  readonly type: number
  readonly flags?: number
  readonly body: Uint8Array
  readonly subject: string
}

/** An answer: its type and what follows the message header. */
export interface NetlinkMessage {
  readonly type: number
  readonly body: Buffer
}

/**
 * A netlink socket. The kernel answers rtnetlink requests before send returns, so calls are synchronous and take
 * microseconds (a bridge port's deletion and a bridge's last one wait for RCU: milliseconds). A socket belongs to the
 * network namespace in which it was opened, whoever uses it.
 */
export class NetlinkSocket implements Disposable {
  readonly descriptor: number
  #sequence = 0
  #open = true

  /** Takes over an open netlink socket, such as one received from a process in another namespace. */
  constructor(descriptor: number) {
    this.descriptor = descriptor
    const on = new Int32Array([1])
    c.setsockopt(descriptor, SOL_NETLINK, NETLINK_EXT_ACK, on, 4)
  }

  /** Opens a socket in the calling thread's network namespace. @throws SystemError */
  static open(protocol: keyof typeof netlinkProtocols = "route"): NetlinkSocket {
    const type = socketTypes.raw | socketFlags.cloexec
    return new NetlinkSocket(check(c.socket(AF_NETLINK, type, netlinkProtocols[protocol]), "socket(AF_NETLINK)"))
  }

  /** Sends requests in one system call and awaits every acknowledgement. @throws SystemError of the first that failed, after all were answered */
  execute(...requests: readonly NetlinkRequest[]): void {
    const first = this.#send(requests, requestFlags.ack)
    let pending = requests.length
    let failure: SystemError | undefined
    while (pending > 0) {
      for (const message of this.#receive(first)) {
        if (message.type !== NLMSG_ERROR) continue
        pending--
        const request = requests[message.sequence - first]!
        failure ??= refusal(message, request.subject)
      }
    }
    if (failure) throw failure
  }

  /**
   * Sends requests of netfilter that take effect at one moment, all or none.
   * @throws SystemError of the first that failed
   */
  transact(subsystem: keyof typeof netfilterSubsystems, requests: readonly NetlinkRequest[]): void {
    const { begin, end } = batchMarks(subsystem)
    const acknowledged = requests.map((each) => ({ ...each, flags: (each.flags ?? 0) | requestFlags.ack }))
    const first = this.#send([begin, ...acknowledged, end], 0)
    for (let pending = requests.length; pending > 0; ) {
      for (const message of this.#receive(first)) {
        if (message.type !== NLMSG_ERROR) continue
        pending--
        // A transaction that is refused as a whole is answered with an error of its first message.
        const failure = refusal(message, requests[message.sequence - first - 1]?.subject ?? begin.subject)
        if (failure) throw failure
      }
    }
  }

  /** Asks for one object. @throws SystemError */
  get(request: NetlinkRequest): NetlinkMessage {
    const first = this.#send([request], 0)
    for (;;) {
      for (const message of this.#receive(first)) {
        if (message.type !== NLMSG_ERROR) return message
        throw refusal(message, request.subject) ?? new SystemError("netlink", 0, request.subject)
      }
    }
  }

  /** Lists objects; a listing that changes while the kernel gives it is asked for again. @throws SystemError */
  dump(request: NetlinkRequest): readonly NetlinkMessage[] {
    for (;;) {
      const first = this.#send([request], requestFlags.dump)
      const found: NetlinkMessage[] = []
      let interrupted = false
      for (let done = false; !done; ) {
        for (const message of this.#receive(first)) {
          if (message.flags & NLM_F_DUMP_INTR) interrupted = true
          if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
            const failure = message.body.length >= 4 ? refusal(message, request.subject) : undefined
            if (failure) throw failure
            done = true
          } else found.push(message)
        }
      }
      if (!interrupted) return found
    }
  }

  /** Sends the requests with consecutive sequence numbers. @returns the first of them */
  #send(requests: readonly NetlinkRequest[], flags: number): number {
    const first = this.#sequence + 1
    const parts: Uint8Array[] = []
    for (const request of requests) {
      const header = Buffer.alloc(headerLength)
      header.writeUInt32LE(headerLength + request.body.length, 0)
      header.writeUInt16LE(request.type, 4)
      header.writeUInt16LE((request.flags ?? 0) | flags | requestFlags.request, 6)
      header.writeUInt32LE(++this.#sequence, 8)
      parts.push(header, request.body)
      const padding = -request.body.length & 3
      if (padding) parts.push(Buffer.alloc(padding))
    }
    const message = Buffer.concat(parts)
    check(c.send(this.descriptor, message, BigInt(message.length), 0), "send(netlink)", requests[0]?.subject)
    return first
  }

  /** One datagram of the kernel: its messages, without those that belong to a request before `first`. */
  #receive(first: number): readonly (NetlinkMessage & { readonly flags: number; readonly sequence: number })[] {
    let length: number
    do length = Number(c.recv(this.descriptor, receiveBuffer, BigInt(receiveBuffer.length), 0))
    while (length < 0 && errno() === EINTR)
    check(length, "recv(netlink)")
    const found = []
    for (let at = 0; at + headerLength <= length; ) {
      const size = receiveBuffer.readUInt32LE(at)
      if (size < headerLength || at + size > length) break
      const sequence = receiveBuffer.readUInt32LE(at + 8)
      if (sequence >= first)
        found.push({
          type: receiveBuffer.readUInt16LE(at + 4),
          flags: receiveBuffer.readUInt16LE(at + 6),
          sequence,
          body: Buffer.from(receiveBuffer.subarray(at + headerLength, at + size)),
        })
      at += (size + 3) & ~3
    }
    return found
  }

  [Symbol.dispose](): void {
    if (!this.#open) return
    this.#open = false
    closeSync(this.descriptor)
  }
}

/** The error in a NLMSG_ERROR or NLMSG_DONE message, with the kernel's own words when it gives some. */
function refusal(message: NetlinkMessage & { readonly flags: number }, subject: string): SystemError | undefined {
  const number = -message.body.readInt32LE(0)
  if (number === 0) return undefined
  let words = ""
  if (message.type === NLMSG_ERROR && message.flags & NLM_F_ACK_TLVS) {
    const request = message.flags & NLM_F_CAPPED ? headerLength : message.body.readUInt32LE(4)
    const explanation = attributesOf(message.body, 4 + ((request + 3) & ~3)).get(1)
    if (explanation) words = ` (${textOf(explanation)})`
  }
  return new SystemError("netlink", number, `${subject}${words}`)
}
