import { Failure } from "../errors/failure.ts"
import { SystemError } from "./libc.ts"
import { type NetlinkMessage, type NetlinkRequest, type NetlinkSocket, requestFlags } from "./netlink.ts"
import { attribute, attributesOf, nested, text, textOf, u8, u16, u32 } from "./netlink-attributes.ts"

const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const RTM_GETLINK = 18
const RTM_SETLINK = 19
const IFF_UP = 1
const AF_BRIDGE = 7

/** Attributes of links (linux/if_link.h). */
const IFLA = {
  address: 1,
  ifname: 3,
  mtu: 4,
  link: 5,
  master: 10,
  protinfo: 12,
  linkinfo: 18,
  stats64: 23,
  afSpec: 26,
  netNsFd: 28,
  kind: 1,
  data: 2,
  vethPeer: 1,
  portMode: 4,
  portIsolated: 33,
  macvlanMode: 1,
  ipvlanMode: 1,
  ipvlanFlags: 2,
  vlanId: 1,
  inet6AddressMode: 8,
} as const
const AF_INET6 = 10
const IN6_ADDR_GEN_MODE_NONE = 1

/** Modes of macvlan and ipvlan links (linux/if_link.h). */
export const macvlanModes = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const
export const ipvlanModes = { l2: 0, l3: 1, l3s: 2 } as const
export const ipvlanFlags = { bridge: 0, private: 1, vepa: 2 } as const

export interface Link {
  readonly index: number
  readonly name: string
  readonly up: boolean
  readonly mtu: number
  /** `02:42:…`; empty when the device has none. */
  readonly macAddress: string
  /** Index of the bridge that it is a port of; 0 for none. */
  readonly master: number
  /** `bridge`, `veth`, …; empty for hardware. */
  readonly kind: string
}

/** Counters of a link, from the side of that link. */
export interface LinkCounters {
  readonly rxBytes: bigint
  readonly rxPackets: bigint
  readonly rxErrors: bigint
  readonly rxDropped: bigint
  readonly txBytes: bigint
  readonly txPackets: bigint
  readonly txErrors: bigint
  readonly txDropped: bigint
}

/** struct ifinfomsg. */
function interfaceHeader(index = 0, flags = 0, change = 0, family = 0): Buffer {
  const buffer = Buffer.alloc(16)
  buffer[0] = family
  buffer.writeInt32LE(index, 4)
  buffer.writeUInt32LE(flags, 8)
  buffer.writeUInt32LE(change, 12)
  return buffer
}

/** The six bytes of `02:42:0a:00:00:01`. @throws RangeError */
export function macBytes(address: string): Buffer {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(address))
    throw new Failure("invalidArgument", `address ${address}: invalid MAC address`)
  return Buffer.from(address.replaceAll(":", ""), "hex")
}

const macText = (bytes: Buffer): string => bytes.toString("hex").replace(/..(?=.)/g, "$&:")

function linkOf(message: NetlinkMessage): Link {
  const attributes = attributesOf(message.body, 16)
  const info = attributes.get(IFLA.linkinfo)
  const kind = info ? attributesOf(info).get(IFLA.kind) : undefined
  const name = attributes.get(IFLA.ifname)
  return {
    index: message.body.readInt32LE(4),
    name: name ? textOf(name) : "",
    up: (message.body.readUInt32LE(8) & IFF_UP) !== 0,
    mtu: attributes.get(IFLA.mtu)?.readUInt32LE(0) ?? 0,
    macAddress: macText(attributes.get(IFLA.address) ?? Buffer.alloc(0)),
    master: attributes.get(IFLA.master)?.readUInt32LE(0) ?? 0,
    kind: kind ? textOf(kind) : "",
  }
}

/** Every link of the socket's network namespace. */
export const listLinks = (socket: NetlinkSocket): readonly Link[] =>
  socket.dump({ type: RTM_GETLINK, body: interfaceHeader(), subject: "list of links" }).map(linkOf)

function askByName(socket: NetlinkSocket, name: string): NetlinkMessage | undefined {
  try {
    const body = Buffer.concat([interfaceHeader(), attribute(IFLA.ifname, text(name))])
    return socket.get({ type: RTM_GETLINK, body, subject: `link ${name}` })
  } catch (error) {
    if (error instanceof SystemError && error.code === "ENODEV") return undefined
    throw error
  }
}

/** The link of that name, or undefined. */
export function linkByName(socket: NetlinkSocket, name: string): Link | undefined {
  const message = askByName(socket, name)
  return message ? linkOf(message) : undefined
}

/** Counters (struct rtnl_link_stats64) of the link of that name, or undefined when it is not there. */
export function linkCounters(socket: NetlinkSocket, name: string): LinkCounters | undefined {
  const message = askByName(socket, name)
  const stats = message ? attributesOf(message.body, 16).get(IFLA.stats64) : undefined
  if (!stats) return undefined
  const at = (index: number) => stats.readBigUInt64LE(8 * index)
  return {
    rxPackets: at(0),
    txPackets: at(1),
    rxBytes: at(2),
    txBytes: at(3),
    rxErrors: at(4),
    txErrors: at(5),
    rxDropped: at(6),
    txDropped: at(7),
  }
}

/** Makes a bridge, up. @throws SystemError; EEXIST when a link of that name exists */
export function createBridge(
  socket: NetlinkSocket,
  bridge: { readonly name: string; readonly macAddress?: string; readonly mtu: number },
): void {
  const body = Buffer.concat([
    interfaceHeader(0, IFF_UP, IFF_UP),
    attribute(IFLA.ifname, text(bridge.name)),
    ...(bridge.macAddress ? [attribute(IFLA.address, macBytes(bridge.macAddress))] : []),
    attribute(IFLA.mtu, u32(bridge.mtu)),
    nested(IFLA.linkinfo, attribute(IFLA.kind, text("bridge"))),
  ])
  const flags = requestFlags.create | requestFlags.exclusive
  socket.execute({ type: RTM_NEWLINK, flags, body, subject: `bridge ${bridge.name}` })
}

/** Makes a link of `kind` with its kind's own attributes. @throws SystemError; EOPNOTSUPP when the kernel lacks the kind */
function createOnParent(
  socket: NetlinkSocket,
  link: {
    readonly name: string
    readonly kind: string
    readonly parent: number
    readonly data: readonly Buffer[]
    readonly namespace?: number
    readonly macAddress?: string
    readonly mtu?: number
  },
): void {
  const body = Buffer.concat([
    interfaceHeader(),
    attribute(IFLA.ifname, text(link.name)),
    ...(link.parent ? [attribute(IFLA.link, u32(link.parent))] : []),
    ...(link.namespace === undefined ? [] : [attribute(IFLA.netNsFd, u32(link.namespace))]),
    ...(link.macAddress ? [attribute(IFLA.address, macBytes(link.macAddress))] : []),
    ...(link.mtu ? [attribute(IFLA.mtu, u32(link.mtu))] : []),
    nested(
      IFLA.linkinfo,
      attribute(IFLA.kind, text(link.kind)),
      ...(link.data.length > 0 ? [nested(IFLA.data, ...link.data)] : []),
    ),
  ])
  const flags = requestFlags.create | requestFlags.exclusive
  socket.execute({ type: RTM_NEWLINK, flags, body, subject: `${link.kind} ${link.name}` })
}

/** A link to be made on top of another one, straight in the namespace of descriptor `namespace`; down. */
export interface ChildLink {
  readonly name: string
  /** Index of the link below. */
  readonly parent: number
  readonly namespace: number
  readonly mtu?: number
}

/** Makes a macvlan link. @throws SystemError; EOPNOTSUPP when the kernel lacks macvlan */
export const createMacvlan = (
  socket: NetlinkSocket,
  link: ChildLink & { readonly mode: keyof typeof macvlanModes; readonly macAddress: string },
): void =>
  createOnParent(socket, {
    ...link,
    kind: "macvlan",
    data: [attribute(IFLA.macvlanMode, u32(macvlanModes[link.mode]))],
  })

/** Makes an ipvlan link, which has its parent's MAC address. @throws SystemError; EOPNOTSUPP when the kernel lacks ipvlan */
export const createIpvlan = (
  socket: NetlinkSocket,
  link: ChildLink & { readonly mode: keyof typeof ipvlanModes; readonly flag: keyof typeof ipvlanFlags },
): void =>
  createOnParent(socket, {
    ...link,
    kind: "ipvlan",
    data: [
      attribute(IFLA.ipvlanMode, u16(ipvlanModes[link.mode])),
      attribute(IFLA.ipvlanFlags, u16(ipvlanFlags[link.flag])),
    ],
  })

/** Makes a link of VLAN `id` on top of another one. @throws SystemError */
export const createVlan = (
  socket: NetlinkSocket,
  link: { readonly name: string; readonly parent: number; readonly id: number },
): void => createOnParent(socket, { ...link, kind: "vlan", data: [attribute(IFLA.vlanId, u16(link.id))] })

/** Makes a link that leads nowhere. @throws SystemError; EOPNOTSUPP when the kernel lacks the kind */
export const createDummy = (socket: NetlinkSocket, name: string): void =>
  createOnParent(socket, { name, parent: 0, kind: "dummy", data: [] })

export interface VethPair {
  readonly host: string
  /** The peer, made straight in the namespace of descriptor `peerNamespace`; down, for the kernel cannot start it before its partner. */
  readonly peer: string
  readonly peerNamespace: number
  readonly peerMacAddress: string
  readonly mtu: number
  /** Index of the bridge that the host's end becomes a port of; 0 for none. */
  readonly master: number
}

/** Makes a veth pair, the host's end up. @throws SystemError */
export function createVeth(socket: NetlinkSocket, pair: VethPair): void {
  const peer = Buffer.concat([
    interfaceHeader(),
    attribute(IFLA.ifname, text(pair.peer)),
    attribute(IFLA.address, macBytes(pair.peerMacAddress)),
    attribute(IFLA.mtu, u32(pair.mtu)),
    attribute(IFLA.netNsFd, u32(pair.peerNamespace)),
  ])
  const body = Buffer.concat([
    interfaceHeader(0, IFF_UP, IFF_UP),
    attribute(IFLA.ifname, text(pair.host)),
    attribute(IFLA.mtu, u32(pair.mtu)),
    ...(pair.master ? [attribute(IFLA.master, u32(pair.master))] : []),
    nested(IFLA.linkinfo, attribute(IFLA.kind, text("veth")), nested(IFLA.data, attribute(IFLA.vethPeer, peer))),
  ])
  const flags = requestFlags.create | requestFlags.exclusive
  socket.execute({ type: RTM_NEWLINK, flags, body, subject: `veth ${pair.host}` })
}

/**
 * The request that sets how a bridge treats a port. `hairpin`: frames may leave by the port they came in by. `isolated`:
 * no frames are exchanged with other isolated ports.
 */
export const bridgePort = (
  index: number,
  port: { readonly hairpin: boolean; readonly isolated: boolean },
): NetlinkRequest => ({
  type: RTM_SETLINK,
  body: Buffer.concat([
    interfaceHeader(index, 0, 0, AF_BRIDGE),
    nested(
      IFLA.protinfo,
      attribute(IFLA.portMode, u8(port.hairpin ? 1 : 0)),
      attribute(IFLA.portIsolated, u8(port.isolated ? 1 : 0)),
    ),
  ]),
  subject: `bridge port ${index}`,
})

/** The request that brings a link up. */
export const linkUp = (index: number): NetlinkRequest => ({
  type: RTM_NEWLINK,
  body: interfaceHeader(index, IFF_UP, IFF_UP),
  subject: `link ${index} up`,
})

/** The request that brings a link down. */
export const linkDown = (index: number): NetlinkRequest => ({
  type: RTM_NEWLINK,
  body: interfaceHeader(index, 0, IFF_UP),
  subject: `link ${index} down`,
})

/** The request that keeps the kernel from giving a link an IPv6 address by itself; before it is up. */
export const withoutLinkLocal = (index: number): NetlinkRequest => ({
  type: RTM_SETLINK,
  body: Buffer.concat([
    interfaceHeader(index),
    nested(IFLA.afSpec, nested(AF_INET6, attribute(IFLA.inet6AddressMode, u8(IN6_ADDR_GEN_MODE_NONE)))),
  ]),
  subject: `address mode of link ${index}`,
})

/** The request that gives a link another name. */
export const rename = (index: number, name: string): NetlinkRequest => ({
  type: RTM_NEWLINK,
  body: Buffer.concat([interfaceHeader(index), attribute(IFLA.ifname, text(name))]),
  subject: `name ${name} of link ${index}`,
})

/** The request that makes a link a port of the bridge of index `master`. */
export const setMaster = (index: number, master: number): NetlinkRequest => ({
  type: RTM_NEWLINK,
  body: Buffer.concat([interfaceHeader(index), attribute(IFLA.master, u32(master))]),
  subject: `link ${index} into bridge ${master}`,
})

/** The request that changes a link's MTU, in bytes. */
export const setMtu = (index: number, mtu: number): NetlinkRequest => ({
  type: RTM_NEWLINK,
  body: Buffer.concat([interfaceHeader(index), attribute(IFLA.mtu, u32(mtu))]),
  subject: `MTU ${mtu} of link ${index}`,
})

/** The request that changes a link's MAC address. */
export const setMacAddress = (index: number, address: string): NetlinkRequest => ({
  type: RTM_NEWLINK,
  body: Buffer.concat([interfaceHeader(index), attribute(IFLA.address, macBytes(address))]),
  subject: `MAC address ${address} of link ${index}`,
})

/** Deletes a link; takes 10–30 ms for a bridge or a port. One that is not there is not an error. @throws SystemError */
export function deleteLink(socket: NetlinkSocket, name: string): void {
  try {
    const body = Buffer.concat([interfaceHeader(), attribute(IFLA.ifname, text(name))])
    socket.execute({ type: RTM_DELLINK, body, subject: `link ${name}` })
  } catch (error) {
    if (!(error instanceof SystemError && error.code === "ENODEV")) throw error
  }
}
