import { type Address, addressBytes, addressOf } from "../std/ip.ts"
import { type NetlinkMessage, type NetlinkRequest, type NetlinkSocket, requestFlags } from "./netlink.ts"
import { attribute, attributesOf, u32 } from "./netlink-attributes.ts"

const RTM_NEWADDR = 20
const RTM_DELADDR = 21
const RTM_GETADDR = 22
const RTM_NEWROUTE = 24
const RTM_DELROUTE = 25
const RTM_GETROUTE = 26
const AF_INET = 2
const AF_INET6 = 10
const IFA = { address: 1, local: 2, broadcast: 4 } as const
/** Without duplicate detection, which would keep an IPv6 address from being used for seconds. */
const IFA_F_NODAD = 2
const RTA = { destination: 1, outInterface: 4, gateway: 5, table: 15 } as const
const RT_TABLE_MAIN = 254
const RTPROT_BOOT = 3
const RT_SCOPE_UNIVERSE = 0
const RT_SCOPE_LINK = 253
const RTN_UNICAST = 1

export interface InterfaceAddress {
  readonly index: number
  readonly address: string
  readonly prefixLength: number
}

export interface Route {
  /** `0.0.0.0` or `::` with length 0 for a default route. */
  readonly destination: string
  readonly prefixLength: number
  /** Index of the link it leaves by; 0 when it has none. */
  readonly index: number
  readonly table: number
}

/** @throws RangeError */
function address(text: string): Address {
  const found = addressOf(text)
  if (!found) throw new RangeError(`${text} is not an IP address`)
  return found
}

const familyNumber = (family: 4 | 6): number => (family === 4 ? AF_INET : AF_INET6)

function textOf(family: number, bytes: Buffer | undefined): string {
  if (family === AF_INET) return bytes ? bytes.subarray(0, 4).join(".") : "0.0.0.0"
  if (!bytes) return "::"
  const words = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16))
  return words.join(":")
}

function addressBody(index: number, one: Address, prefixLength: number, attributes: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(8)
  header[0] = familyNumber(one.family)
  header[1] = prefixLength
  header[2] = one.family === 6 ? IFA_F_NODAD : 0
  header.writeUInt32LE(index, 4)
  return Buffer.concat([header, attribute(IFA.local, addressBytes(one)), ...attributes])
}

/** The request that gives a link an address. */
export function addAddress(index: number, text: string, prefixLength: number): NetlinkRequest {
  const one = address(text)
  const attributes = [attribute(IFA.address, addressBytes(one))]
  if (one.family === 4 && prefixLength < 31) {
    const broadcast = Buffer.alloc(4)
    broadcast.writeUInt32BE((Number(one.value) | (0xffffffff >>> prefixLength)) >>> 0, 0)
    attributes.push(attribute(IFA.broadcast, broadcast))
  }
  return {
    type: RTM_NEWADDR,
    flags: requestFlags.create | requestFlags.exclusive,
    body: addressBody(index, one, prefixLength, attributes),
    subject: `address ${text}/${prefixLength} of link ${index}`,
  }
}

/** The request that takes an address from a link. */
export const deleteAddress = (index: number, text: string, prefixLength: number): NetlinkRequest => ({
  type: RTM_DELADDR,
  body: addressBody(index, address(text), prefixLength, []),
  subject: `removal of address ${text}/${prefixLength} from link ${index}`,
})

/** The addresses of every link, of one family; link-local IPv6 ones too. */
export function listAddresses(socket: NetlinkSocket, family: 4 | 6 = 4): readonly InterfaceAddress[] {
  const header = Buffer.alloc(8)
  header[0] = familyNumber(family)
  return socket.dump({ type: RTM_GETADDR, body: header, subject: "list of addresses" }).map(({ body }) => {
    const attributes = attributesOf(body, 8)
    return {
      index: body.readUInt32LE(4),
      prefixLength: body[1]!,
      address: textOf(body[0]!, attributes.get(IFA.local) ?? attributes.get(IFA.address)),
    }
  })
}

/** Where a route leads: by a gateway, or straight out of a link. */
export interface RouteWay {
  readonly gateway?: string
  /** Index of the link; needed without a gateway, and for gateways that several links could reach. */
  readonly index?: number
  readonly destination?: { readonly address: string; readonly prefixLength: number }
  /** Of a default route without a gateway. */
  readonly family?: 4 | 6
}

function routeBody(way: RouteWay): Buffer {
  const { gateway, index, destination } = way
  const known = gateway ?? destination?.address
  const family = known === undefined ? (way.family ?? 4) : address(known).family
  const header = Buffer.alloc(12)
  header[0] = familyNumber(family)
  header[1] = destination?.prefixLength ?? 0
  header[4] = RT_TABLE_MAIN
  header[5] = RTPROT_BOOT
  header[6] = gateway === undefined && family === 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE
  header[7] = RTN_UNICAST
  return Buffer.concat([
    header,
    ...(destination ? [attribute(RTA.destination, addressBytes(address(destination.address)))] : []),
    ...(gateway === undefined ? [] : [attribute(RTA.gateway, addressBytes(address(gateway)))]),
    ...(index === undefined ? [] : [attribute(RTA.outInterface, u32(index))]),
  ])
}

/** The request for a route in the main table; the default route when no destination is given. */
export const addRoute = (way: RouteWay): NetlinkRequest => ({
  type: RTM_NEWROUTE,
  flags: requestFlags.create | requestFlags.exclusive,
  body: routeBody(way),
  subject: `route by ${way.gateway ?? `link ${way.index}`}`,
})

/** The request that takes a route away. */
export const deleteRoute = (way: RouteWay): NetlinkRequest => ({
  type: RTM_DELROUTE,
  body: routeBody(way),
  subject: `removal of the route by ${way.gateway ?? `link ${way.index}`}`,
})

function routeOf({ body }: NetlinkMessage): Route {
  const attributes = attributesOf(body, 12)
  return {
    destination: textOf(body[0]!, attributes.get(RTA.destination)),
    prefixLength: body[1]!,
    index: attributes.get(RTA.outInterface)?.readUInt32LE(0) ?? 0,
    table: attributes.get(RTA.table)?.readUInt32LE(0) ?? body[4]!,
  }
}

/** The unicast routes of one family in every table except the local one. */
export function listRoutes(socket: NetlinkSocket, family: 4 | 6 = 4): readonly Route[] {
  const header = Buffer.alloc(12)
  header[0] = familyNumber(family)
  return socket
    .dump({ type: RTM_GETROUTE, body: header, subject: "list of routes" })
    .filter(({ body }) => body[7] === RTN_UNICAST)
    .map(routeOf)
}
