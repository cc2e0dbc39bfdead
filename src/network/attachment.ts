import { closeSync, openSync } from "node:fs"
import { addAddress, addRoute, deleteAddress } from "../linux/addresses.ts"
import { bridgePort, createVeth, linkByName, linkUp, setMacAddress } from "../linux/links.ts"
import type { NetlinkSocket } from "../linux/netlink.ts"
import type { HostBridge } from "./host-bridge.ts"
import { formatAddress } from "./ipv4.ts"
import type { NewNamespace } from "./namespaces.ts"

/** The name that containers see. */
export const containerInterface = "eth0"
const loopbackIndex = 1

/** A namespace joined to a bridge, configured: all that is missing is a container in it. */
export interface Attachment {
  /** Of the namespace and of the host's end of the veth pair. */
  readonly name: string
  readonly path: string
  /** Opened inside the namespace; holds it alive until disposed. */
  readonly socket: NetlinkSocket
  /** Of the container's interface, in the namespace. */
  readonly index: number
  readonly address: number
  readonly macAddress: string
}

/** Follows from the address, so that what neighbours remember of an address stays true when it changes hands. */
const macOf = (address: number): string =>
  `02:42:${formatAddress(address)
    .split(".")
    .map((part) => Number(part).toString(16).padStart(2, "0"))
    .join(":")}`

/**
 * Joins a namespace to a bridge with an address and the default route. Takes about a millisecond. @throws SystemError;
 * the caller drops the namespace then, and the veth pair with it
 */
export function attach(
  host: NetlinkSocket,
  bridge: HostBridge,
  namespace: NewNamespace,
  address: number,
  isolated: boolean,
): Attachment {
  const { name, path, socket } = namespace
  const macAddress = macOf(address)
  const descriptor = openSync(path, "r")
  try {
    createVeth(host, {
      host: name,
      peer: containerInterface,
      peerNamespace: descriptor,
      peerMacAddress: macAddress,
      mtu: bridge.mtu,
      master: bridge.index,
    })
  } finally {
    closeSync(descriptor)
  }
  // Hairpin: where bridges consult the IP rules (bridge-nf-call-iptables), a container's connection to a port that it published
  // itself is turned around within the bridge.
  host.execute(bridgePort(linkByName(host, name)!.index, { hairpin: true, isolated }))
  const { index } = linkByName(socket, containerInterface)!
  socket.execute(
    linkUp(loopbackIndex),
    linkUp(index),
    addAddress(index, formatAddress(address), bridge.subnet.prefixLength),
    addRoute(formatAddress(bridge.address)),
  )
  return { name, path, socket, index, address, macAddress }
}

/** Gives the container's interface another address, with the MAC address that goes with it. */
export function changeAddress(bridge: HostBridge, attachment: Attachment, address: number): Attachment {
  const { socket, index } = attachment
  const { prefixLength } = bridge.subnet
  const macAddress = macOf(address)
  socket.execute(
    deleteAddress(index, formatAddress(attachment.address), prefixLength),
    setMacAddress(index, macAddress),
    addAddress(index, formatAddress(address), prefixLength),
    addRoute(formatAddress(bridge.address)),
  )
  return { ...attachment, address, macAddress }
}

/** Gives the container's interface another MAC address. @throws RangeError when it is none; SystemError */
export function changeMac(attachment: Attachment, macAddress: string): Attachment {
  attachment.socket.execute(setMacAddress(attachment.index, macAddress))
  return { ...attachment, macAddress: macAddress.toLowerCase() }
}
