import { type NetlinkMessage, type NetlinkRequest, type NetlinkSocket, requestFlags } from "./netlink.ts"
import { attribute, attributesOf } from "./netlink-attributes.ts"

const RTM_NEWADDR = 20
const RTM_DELADDR = 21
const RTM_GETADDR = 22
const RTM_NEWROUTE = 24
const RTM_GETROUTE = 26
const AF_INET = 2
const IFA = { address: 1, local: 2, broadcast: 4 } as const
const RTA = { destination: 1, outInterface: 4, gateway: 5, table: 15 } as const
const RT_TABLE_MAIN = 254
const RTPROT_BOOT = 3
const RT_SCOPE_UNIVERSE = 0
const RTN_UNICAST = 1

export interface InterfaceAddress {
  readonly index: number
  readonly address: string
  readonly prefixLength: number
}

export interface Route {
  /** `0.0.0.0` with length 0 for the default route. */
  readonly destination: string
  readonly prefixLength: number
  /** Index of the link it leaves by; 0 when it has none. */
  readonly index: number
  readonly table: number
}

const bytes4 = (address: string): Buffer => Buffer.from(address.split(".").map(Number))
const text4 = (bytes: Buffer | undefined): string => (bytes ? [...bytes].join(".") : "0.0.0.0")

function addressBody(index: number, address: string, prefixLength: number, attributes: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(8)
  header[0] = AF_INET
  header[1] = prefixLength
  header.writeUInt32LE(index, 4)
  return Buffer.concat([header, attribute(IFA.local, bytes4(address)), ...attributes])
}

/** The request that gives a link an IPv4 address. */
export function addAddress(index: number, address: string, prefixLength: number): NetlinkRequest {
  const value = bytes4(address).readUInt32BE(0)
  const broadcast = Buffer.alloc(4)
  broadcast.writeUInt32BE((value | (prefixLength >= 32 ? 0 : 0xffffffff >>> prefixLength)) >>> 0, 0)
  return {
    type: RTM_NEWADDR,
    flags: requestFlags.create | requestFlags.exclusive,
    body: addressBody(index, address, prefixLength, [
      attribute(IFA.address, bytes4(address)),
      ...(prefixLength < 31 ? [attribute(IFA.broadcast, broadcast)] : []),
    ]),
    subject: `address ${address}/${prefixLength} of link ${index}`,
  }
}

/** The request that takes an IPv4 address from a link. */
export const deleteAddress = (index: number, address: string, prefixLength: number): NetlinkRequest => ({
  type: RTM_DELADDR,
  body: addressBody(index, address, prefixLength, []),
  subject: `removal of address ${address}/${prefixLength} from link ${index}`,
})

/** The IPv4 addresses of every link. */
export function listAddresses(socket: NetlinkSocket): readonly InterfaceAddress[] {
  const header = Buffer.alloc(8)
  header[0] = AF_INET
  return socket.dump({ type: RTM_GETADDR, body: header, subject: "list of addresses" }).map(({ body }) => {
    const attributes = attributesOf(body, 8)
    return {
      index: body.readUInt32LE(4),
      prefixLength: body[1]!,
      address: text4(attributes.get(IFA.local) ?? attributes.get(IFA.address)),
    }
  })
}

/** The request for an IPv4 route by a gateway in the main table; the default route when no destination is given. */
export function addRoute(
  gateway: string,
  destination?: { readonly address: string; readonly prefixLength: number },
): NetlinkRequest {
  const header = Buffer.alloc(12)
  header[0] = AF_INET
  header[1] = destination?.prefixLength ?? 0
  header[4] = RT_TABLE_MAIN
  header[5] = RTPROT_BOOT
  header[6] = RT_SCOPE_UNIVERSE
  header[7] = RTN_UNICAST
  return {
    type: RTM_NEWROUTE,
    flags: requestFlags.create | requestFlags.exclusive,
    body: Buffer.concat([
      header,
      ...(destination ? [attribute(RTA.destination, bytes4(destination.address))] : []),
      attribute(RTA.gateway, bytes4(gateway)),
    ]),
    subject: `route by ${gateway}`,
  }
}

function routeOf({ body }: NetlinkMessage): Route {
  const attributes = attributesOf(body, 12)
  return {
    destination: text4(attributes.get(RTA.destination)),
    prefixLength: body[1]!,
    index: attributes.get(RTA.outInterface)?.readUInt32LE(0) ?? 0,
    table: attributes.get(RTA.table)?.readUInt32LE(0) ?? body[4]!,
  }
}

/** The unicast IPv4 routes of every table except the local one. */
export function listRoutes(socket: NetlinkSocket): readonly Route[] {
  const header = Buffer.alloc(12)
  header[0] = AF_INET
  return socket
    .dump({ type: RTM_GETROUTE, body: header, subject: "list of routes" })
    .filter(({ body }) => body[7] === RTN_UNICAST)
    .map(routeOf)
}
