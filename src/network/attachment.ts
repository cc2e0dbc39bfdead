import { randomBytes } from "node:crypto"
import { closeSync, openSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import { addAddress } from "../linux/addresses.ts"
import { SystemError } from "../linux/libc.ts"
import { bridgePort, createVeth, linkByName, linkUp, setMacAddress, withoutLinkLocal } from "../linux/links.ts"
import type { NetlinkRequest, NetlinkSocket } from "../linux/netlink.ts"
import { type Address, addressBytes, formatAddress } from "../std/ip.ts"
import { smallestIpv6Mtu } from "./host-bridge.ts"

/** An address with the length of its network's prefix. */
export interface PlacedAddress {
  readonly address: Address
  readonly prefixLength: number
}

/** What an interface of a container gets. */
export interface InterfacePlan {
  /** The name that the container sees. */
  readonly name: string
  readonly macAddress: string
  readonly addresses: readonly PlacedAddress[]
  readonly mtu: number
}

/** Where an interface goes. */
export interface Place {
  /** Of the bind-mounted namespace. */
  readonly path: string
  /** Opened inside the namespace. */
  readonly route: NetlinkSocket
}

/** Follows from the IPv4 address, so that what neighbours remember of an address stays true when it changes hands. */
export const macOf = (address: Address): string => {
  const bytes = addressBytes(address)
  const last = address.family === 4 ? bytes : bytes.subarray(12)
  return `02:42:${[...last].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`
}

/** For an interface without an address. */
export const randomMac = (): string =>
  `02:42:${randomBytes(4)
    .toString("hex")
    .replace(/(..)(?=.)/g, "$1:")}`

/** Runs `work` with the namespace open. */
export function withNamespace<T>(path: string, work: (descriptor: number) => T): T {
  const descriptor = openSync(path, "r")
  try {
    return work(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** The requests that bring an interface up, with its addresses. */
export function bringUp(index: number, plan: Pick<InterfacePlan, "addresses" | "mtu">): NetlinkRequest[] {
  const ipv6 =
    plan.addresses.some(({ address }) => address.family === 6) || (plan.mtu > 0 && plan.mtu < smallestIpv6Mtu)
  return [
    ...(ipv6 ? [] : [withoutLinkLocal(index)]),
    linkUp(index),
    ...plan.addresses.map(({ address, prefixLength }) => addAddress(index, formatAddress(address), prefixLength)),
  ]
}

/**
 * Joins a namespace to a bridge. Takes about a millisecond. @returns the interface's index in the namespace
 * @throws SystemError; the caller drops the namespace then, and the veth pair with it, or deletes `hostInterface`
 */
export function attachToBridge(
  host: NetlinkSocket,
  bridge: { readonly index: number; readonly isolated: boolean },
  hostInterface: string,
  place: Place,
  plan: InterfacePlan,
): number {
  try {
    withNamespace(place.path, (peerNamespace) =>
      createVeth(host, {
        host: hostInterface,
        peer: plan.name,
        peerNamespace,
        peerMacAddress: plan.macAddress,
        mtu: plan.mtu,
        master: bridge.index,
      }),
    )
  } catch (error) {
    if (!(error instanceof SystemError && error.code === "EEXIST")) throw error
    throw new Failure("internal", `error renaming interface "${hostInterface}" to "${plan.name}": file exists`, error)
  }
  // Hairpin: where bridges consult the IP rules (bridge-nf-call-iptables), a container's connection to a port that it published
  // itself is turned around within the bridge.
  host.execute(bridgePort(linkByName(host, hostInterface)!.index, { hairpin: true, isolated: bridge.isolated }))
  const { index } = linkByName(place.route, plan.name)!
  place.route.execute(...bringUp(index, plan))
  return index
}

/** Gives the container's interface another MAC address. @throws RangeError when it is none; SystemError */
export function changeMac(route: NetlinkSocket, index: number, macAddress: string): void {
  route.execute(setMacAddress(index, macAddress))
}
