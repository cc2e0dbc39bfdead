import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import { addAddress, deleteAddress, listAddresses, listRoutes } from "../linux/addresses.ts"
import { SystemError } from "../linux/libc.ts"
import {
  createBridge,
  deleteLink,
  type Link,
  linkByName,
  linkUp,
  listLinks,
  setMtu,
  withoutLinkLocal,
} from "../linux/links.ts"
import type { NetlinkSocket } from "../linux/netlink.ts"
import { addressOf, cidrOf, formatAddress, only, overlap, type Subnet, subnetAround } from "../std/ip.ts"
import { nameserversOf } from "./files.ts"

/** The kernel has no IPv6 on links with a smaller one (RFC 8200, section 5), in bytes. */
export const smallestIpv6Mtu = 1280

/** Ports of a bridge: the kernel numbers them with ten bits, from 1 (BR_MAX_PORTS). */
export const bridgePorts = 1023

/** A bridge as it shall be. */
export interface BridgePlan {
  readonly name: string
  /** The daemon that bridges are made for: see {@link ownMac}. */
  readonly owner: string
  readonly mtu: number
  /** `ADDRESS/LENGTH` of the bridge itself. */
  readonly addresses: readonly string[]
  /** It has a link-local IPv6 address, and so is reached by containers over IPv6. */
  readonly linkLocal: boolean
}

/**
 * Finds the bridge or makes it, up and with its addresses. One that was made here loses other addresses.
 * @returns its index @throws invalidArgument when a link of that name is something else
 */
export function ensureBridge(socket: NetlinkSocket, plan: BridgePlan): number {
  const { name, owner, mtu } = plan
  let link = linkByName(socket, name)
  if (link && link.kind !== "bridge")
    throw new Failure("invalidArgument", `${name} exists and is not a bridge; choose another name with --bridge`)
  if (!link) {
    createBridge(socket, { name, macAddress: ownMac(owner, name), mtu })
    link = linkByName(socket, name)!
    if (mtu >= smallestIpv6Mtu) {
      socket.execute(withoutLinkLocal(link.index))
      // One of its own making would be checked for duplicates first: for a second, nobody could be asked for.
      if (plan.linkLocal) giveAddress(socket, link.index, "fe80::1/64")
    }
  } else {
    if (!link.up) socket.execute(linkUp(link.index))
    if (link.mtu !== mtu && madeHere(link, owner)) socket.execute(setMtu(link.index, mtu))
  }
  const { index } = link
  const wanted = new Set(plan.addresses.map(canonical))
  for (const text of addressesOf(socket, index)) {
    if (wanted.delete(canonical(text)) || !madeHere(link, owner)) continue
    const [address, length] = text.split("/") as [string, string]
    socket.execute(deleteAddress(index, address, Number(length)))
  }
  for (const text of wanted) giveAddress(socket, index, text)
  return index
}

function giveAddress(socket: NetlinkSocket, index: number, text: string): void {
  const [address, length] = text.split("/") as [string, string]
  try {
    socket.execute(addAddress(index, address, Number(length)))
  } catch (error) {
    if (!(error instanceof SystemError && error.code === "EEXIST")) throw error
  }
}

/** The addresses of a link as `ADDRESS/LENGTH`, without link-local IPv6 ones. */
export const addressesOf = (socket: NetlinkSocket, index: number): readonly string[] =>
  ([4, 6] as const)
    .flatMap((family) => listAddresses(socket, family))
    .filter((entry) => entry.index === index && !/^fe80:/i.test(entry.address))
    .map(({ address, prefixLength }) => `${address}/${prefixLength}`)

/** One spelling of each address. */
const canonical = (text: string): string => {
  const { address, subnet } = cidrOf(text)!
  return `${formatAddress(address)}/${subnet.prefixLength}`
}

/** Removes the bridge if it was made here. @returns whether it was */
export function removeBridge(socket: NetlinkSocket, owner: string, name: string): boolean {
  const link = linkByName(socket, name)
  if (!link || !madeHere(link, owner)) return false
  deleteLink(socket, name)
  return true
}

/** Names of those of the host's links that are bridges made for this daemon. */
export const ownBridges = (links: Iterable<Link>, owner: string): readonly string[] =>
  [...links].filter((link) => link.kind === "bridge" && madeHere(link, owner)).map(({ name }) => name)

/** Everything that a new subnet must keep clear of: routes, addresses, name servers of the host. */
export function inUse(socket: NetlinkSocket): readonly Subnet[] {
  const found: Subnet[] = []
  for (const family of [4, 6] as const) {
    for (const { destination, prefixLength } of listRoutes(socket, family))
      if (prefixLength > 0) found.push(subnetAround(addressOf(destination)!, prefixLength))
    for (const { address, prefixLength } of listAddresses(socket, family))
      found.push(subnetAround(addressOf(address)!, prefixLength))
  }
  return [...found, ...hostNameservers()]
}

/** Whether another link of the host has an address in one of `subnets`, made since they were chosen. */
export function collides(socket: NetlinkSocket, index: number, subnets: readonly Subnet[]): boolean {
  return ([4, 6] as const)
    .flatMap((family) => listAddresses(socket, family))
    .some((entry) => {
      if (entry.index === index) return false
      const other = subnetAround(addressOf(entry.address)!, entry.prefixLength)
      return subnets.some((subnet) => overlap(subnet, other))
    })
}

function hostNameservers(): readonly Subnet[] {
  try {
    return nameserversOf(readFileSync("/etc/resolv.conf", "utf8")).flatMap((text) => {
      const address = addressOf(text)
      return address ? [only(address)] : []
    })
  } catch {
    return []
  }
}

/** What a packet that leaves the host by its default route may measure, at most 1500 bytes. */
export function routeMtu(socket: NetlinkSocket): number {
  const route = listRoutes(socket).find(({ prefixLength, index }) => prefixLength === 0 && index > 0)
  const link = listLinks(socket).find(({ index }) => index === route?.index)
  return Math.min(link?.mtu ?? 1500, 1500)
}

/**
 * The MAC address of bridges that are made here, locally administered. It stays when ports come and go, and it tells
 * them from bridges of others, other daemons of this program included: only our own are removed, and only their address is changed.
 */
function ownMac(owner: string, name: string): string {
  const hash = createHash("sha256").update(`barge ${owner} ${name}`).digest()
  return `02:42:${[...hash.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`
}

/** True when the bridge was made for the daemon `owner`. */
export const madeHere = (link: Link, owner: string): boolean => link.macAddress === ownMac(owner, link.name)

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
