import { SystemError } from "./libc.ts"
import type { NetlinkSocket } from "./netlink.ts"
import { attribute, attributesOf, nested, u8, u16be, u32 } from "./netlink-attributes.ts"

/** nfnetlink's connection tracking subsystem and its messages (linux/netfilter/nfnetlink_conntrack.h). */
const IPCTNL_MSG_CT_GET = (1 << 8) | 1
const IPCTNL_MSG_CT_DELETE = (1 << 8) | 2
const AF_INET = 2
const CTA = { original: 1, reply: 2, id: 12, filter: 25 } as const
const tuple = { ip: 1, protocol: 2 } as const
const address = { source: 1, destination: 2 } as const
const protocolOf = { number: 1, sourcePort: 2, destinationPort: 3 } as const
const filterFlags = { protocolNumber: 1 << 3, destinationPort: 1 << 5 } as const
const IPPROTO_UDP = 17
const headerLength = 4
/** struct nfgenmsg for IPv4. */
const header = Buffer.of(AF_INET, 0, 0, 0)

/** A tracked UDP flow: where its first packet was meant to go, and who answers. */
export interface UdpFlow {
  readonly destination: string
  readonly destinationPort: number
  readonly answeredBy: string
}

/**
 * Makes the kernel forget the tracked IPv4 UDP flows to `port` (to any, when undefined) that `chosen` picks. The next packet of such a flow is treated as
 * a first one and meets the address translation that holds now: without this, a client that goes on sending
 * keeps the translation, or the lack of one, from when it began. Takes time in proportion to all tracked flows.
 * @param socket of protocol `netfilter`
 * @returns how many there were @throws SystemError
 */
export function forgetUdpFlows(
  socket: NetlinkSocket,
  port: number | undefined,
  chosen: (flow: UdpFlow) => boolean,
): number {
  const ofPort = port === undefined ? [] : filterByPort(port)
  const wanted = Buffer.concat([header, ...ofPort])
  let forgotten = 0
  for (const { body } of socket.dump({ type: IPCTNL_MSG_CT_GET, body: wanted, subject: "list of tracked flows" })) {
    const attributes = attributesOf(body, headerLength)
    const original = attributes.get(CTA.original)
    const reply = attributes.get(CTA.reply)
    if (!original || !reply) continue
    const to = endsOf(original)
    // A kernel before 5.8 lists everything.
    if (to.protocol !== IPPROTO_UDP || to.destinationPort === undefined) continue
    if (port !== undefined && to.destinationPort !== port) continue
    const flow = {
      destination: to.destination,
      destinationPort: to.destinationPort,
      answeredBy: endsOf(reply).source,
    }
    if (chosen(flow) && forget(socket, original, attributes.get(CTA.id))) forgotten++
  }
  return forgotten
}

function filterByPort(port: number): readonly Buffer[] {
  return [
    nested(
      CTA.original,
      nested(
        tuple.protocol,
        attribute(protocolOf.number, u8(IPPROTO_UDP)),
        attribute(protocolOf.destinationPort, u16be(port)),
      ),
    ),
    nested(
      CTA.filter,
      attribute(1, u32(filterFlags.protocolNumber | filterFlags.destinationPort)),
      attribute(2, u32(0)),
    ),
  ]
}

function forget(socket: NetlinkSocket, original: Buffer, id: Buffer | undefined): boolean {
  try {
    const body = Buffer.concat([header, nested(CTA.original, original), ...(id ? [attribute(CTA.id, id)] : [])])
    socket.execute({ type: IPCTNL_MSG_CT_DELETE, body, subject: "tracked flow" })
    return true
  } catch (error) {
    if (error instanceof SystemError && error.code === "ENOENT") return false // it has ended meanwhile
    throw error
  }
}

function endsOf(payload: Buffer) {
  const parts = attributesOf(payload)
  const ip = attributesOf(parts.get(tuple.ip) ?? Buffer.alloc(0))
  const protocol = attributesOf(parts.get(tuple.protocol) ?? Buffer.alloc(0))
  return {
    source: [...(ip.get(address.source) ?? [])].join("."),
    destination: [...(ip.get(address.destination) ?? [])].join("."),
    protocol: protocol.get(protocolOf.number)?.[0],
    destinationPort: protocol.get(protocolOf.destinationPort)?.readUInt16BE(0),
  }
}
