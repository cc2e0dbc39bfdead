import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import { addAddress, deleteAddress, listAddresses, listRoutes } from "../linux/addresses.ts"
import { createBridge, deleteLink, type Link, linkByName, linkUp, listLinks, setMtu } from "../linux/links.ts"
import type { NetlinkSocket } from "../linux/netlink.ts"
import type { BridgeOptions } from "./contract.ts"
import { nameserversOf } from "./files.ts"
import { chooseSubnet, defaultPools } from "./ipam.ts"
import { formatAddress, parseAddress, parseCidr, type Subnet, subnetAround } from "./ipv4.ts"

/** A bridge on the host, up and with its address. */
export interface HostBridge {
  readonly index: number
  readonly name: string
  readonly address: number
  readonly subnet: Subnet
  readonly mtu: number
}

/**
 * Finds the bridge or makes it. An existing one keeps its address unless it was made here and another is asked for.
 * @throws invalidArgument when a link of that name is something else, or has another address than the one asked for
 */
export function ensureBridge(socket: NetlinkSocket, options: BridgeOptions): HostBridge {
  const { bridge: name } = options
  const wanted = options.bip === undefined ? undefined : parseCidr(options.bip, "--bip")
  if (wanted && wanted.address === wanted.subnet.base && wanted.subnet.prefixLength < 31)
    throw new Failure("invalidArgument", `--bip ${options.bip} names a network; give the bridge's own address in it`)
  let link = linkByName(socket, name)
  if (link && link.kind !== "bridge")
    throw new Failure("invalidArgument", `${name} exists and is not a bridge; choose another name with --bridge`)
  const mtu = options.mtu || link?.mtu || routeMtu(socket)
  if (!link) {
    createBridge(socket, { name, macAddress: ownMac(name), mtu })
    link = linkByName(socket, name)!
  } else {
    if (!link.up) socket.execute(linkUp(link.index))
    if (link.mtu !== mtu) socket.execute(setMtu(link.index, mtu))
  }
  const { index } = link
  const addresses = listAddresses(socket).filter((entry) => entry.index === index)
  const same = (entry: { readonly address: string; readonly prefixLength: number }) =>
    !wanted || (parseAddress(entry.address) === wanted.address && entry.prefixLength === wanted.subnet.prefixLength)
  const present = addresses.find(same)
  if (present) return describe(link, present.address, present.prefixLength, mtu)
  if (addresses.length > 0 && !madeHere(link))
    throw new Failure(
      "invalidArgument",
      `bridge ${name} has the address ${addresses[0]!.address}/${addresses[0]!.prefixLength}, not ${options.bip}; leave --bip away or choose another --bridge`,
    )
  for (const entry of addresses) socket.execute(deleteAddress(index, entry.address, entry.prefixLength))
  const subnet = wanted?.subnet ?? chooseSubnet(options.defaultAddressPools ?? defaultPools, inUse(socket))
  const address = formatAddress(wanted?.address ?? subnet.base + 1)
  socket.execute(addAddress(index, address, subnet.prefixLength))
  return describe(link, address, subnet.prefixLength, mtu)
}

const describe = (link: Link, address: string, prefixLength: number, mtu: number): HostBridge => ({
  index: link.index,
  name: link.name,
  address: parseAddress(address),
  subnet: subnetAround(parseAddress(address), prefixLength),
  mtu,
})

/** Removes the bridge if it was made here. @returns whether it was */
export function removeBridge(socket: NetlinkSocket, name: string): boolean {
  const link = linkByName(socket, name)
  if (!link || !madeHere(link)) return false
  deleteLink(socket, name)
  return true
}

/** Everything that a new subnet must keep clear of: routes, addresses, name servers of the host. */
function inUse(socket: NetlinkSocket): readonly Subnet[] {
  const routes = listRoutes(socket)
    .filter(({ prefixLength }) => prefixLength > 0)
    .map(({ destination, prefixLength }) => subnetAround(parseAddress(destination), prefixLength))
  const addresses = listAddresses(socket).map((entry) => subnetAround(parseAddress(entry.address), entry.prefixLength))
  return [...routes, ...addresses, ...hostNameservers().map((address) => subnetAround(parseAddress(address), 32))]
}

function hostNameservers(): readonly string[] {
  try {
    return nameserversOf(readFileSync("/etc/resolv.conf", "utf8")).filter((address) => /^[\d.]+$/.test(address))
  } catch {
    return []
  }
}

/** What a packet that leaves the host by its default route may measure, at most 1500 bytes. */
function routeMtu(socket: NetlinkSocket): number {
  const route = listRoutes(socket).find(({ prefixLength, index }) => prefixLength === 0 && index > 0)
  const link = listLinks(socket).find(({ index }) => index === route?.index)
  return Math.min(link?.mtu ?? 1500, 1500)
}

/**
 * The MAC address of bridges that are made here, locally administered. It stays when ports come and go, and it tells
 * them from bridges of others: only our own are removed, and only their address is changed.
 */
function ownMac(name: string): string {
  const hash = createHash("sha256").update(`barge ${name}`).digest()
  return `02:42:${[...hash.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`
}

const madeHere = (link: Link): boolean => link.macAddress === ownMac(link.name)

/**
 * Whether frames between ports of a bridge pass the IP rules too (the br_netfilter module's default). Then the forward
 * chain separates containers that shall not talk to each other; otherwise the ports must be isolated, which under
 * br_netfilter would also cut them off from ports that the others publish.
 */
export function bridgesConsultRules(): boolean {
  try {
    return readFileSync("/proc/sys/net/bridge/bridge-nf-call-iptables", "utf8").trim() === "1"
  } catch {
    return false
  }
}

/** Writes a file below /proc/sys/net unless it says so already. @returns whether it was changed */
export function setSysctl(file: string, value: string): boolean {
  const path = `/proc/sys/net/${file}`
  if (readFileSync(path, "utf8").trim() === value) return false
  writeFileSync(path, value)
  return true
}
