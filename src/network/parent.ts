import { Failure } from "../errors/failure.ts"
import { SystemError } from "../linux/libc.ts"
import {
  createBridge,
  createDummy,
  createIpvlan,
  createMacvlan,
  createVlan,
  deleteLink,
  linkByName,
  linkUp,
} from "../linux/links.ts"
import type { NetlinkSocket } from "../linux/netlink.ts"
import type { NetworkRecord } from "./contract.ts"
import type { DriverOptions } from "./options.ts"

/**
 * The interface below those of a macvlan or ipvlan network's containers: one of the host's, a VLAN of one (`eth0.50`, made
 * when absent), or without a parent one that leads nowhere. @returns its index
 * @throws invalidArgument when the parent is not there; notImplemented when the kernel lacks what is needed
 */
export function ensureParent(socket: NetlinkSocket, record: NetworkRecord, options: DriverOptions): number {
  const name = record.hostInterface
  let link = linkByName(socket, name)
  if (!link && record.ownInterface) {
    const { parent } = options
    if (parent === undefined) leadNowhere(socket, name)
    else {
      const [, below, id] = vlanOf(parent)!
      const base = linkByName(socket, below!)
      if (!base) throw missing(parent)
      withKind("vlan", () => createVlan(socket, { name, parent: base.index, id: Number(id) }))
    }
    link = linkByName(socket, name)!
  }
  if (!link) throw missing(name)
  if (!link.up) socket.execute(linkUp(link.index))
  return link.index
}

/** An interface that only the links on top of it use: a dummy, or a bridge without ports where the kernel lacks dummies. */
function leadNowhere(socket: NetlinkSocket, name: string): void {
  try {
    createDummy(socket, name)
  } catch (error) {
    if (!(error instanceof SystemError && error.code === "EOPNOTSUPP")) throw error
    createBridge(socket, { name, mtu: 1500 })
  }
}

/** `eth0.50`: an interface of the host and a VLAN's number. */
const vlanOf = (parent: string) => /^(.+)\.(\d{1,4})$/.exec(parent)

/** What the parent of a new network is called, and whether it has to be made. @throws invalidArgument */
export function parentOf(
  socket: NetlinkSocket,
  networkId: string,
  { parent }: DriverOptions,
): { readonly name: string; readonly own: boolean } {
  if (parent === undefined) return { name: `dm-${networkId.slice(0, 12)}`, own: true }
  if (parent === "lo")
    throw new Failure("invalidArgument", "loopback interface is not a valid macvlan or ipvlan parent link")
  if (linkByName(socket, parent)) return { name: parent, own: false }
  const vlan = vlanOf(parent)
  if (!vlan || Number(vlan[2]) > 4094 || Number(vlan[2]) < 1 || !linkByName(socket, vlan[1]!)) throw missing(parent)
  return { name: parent, own: true }
}

/** Whether the kernel has the kind of link: one is made on the parent, in this namespace, and removed. @throws notImplemented */
export function probeKind(socket: NetlinkSocket, kind: "macvlan" | "ipvlan", parent: number, namespace: number): void {
  const name = `bg-probe-${process.pid.toString(36)}`
  withKind(kind, () => {
    const link = { name, parent, namespace }
    try {
      if (kind === "macvlan") createMacvlan(socket, { ...link, mode: "bridge", macAddress: "02:42:00:00:00:01" })
      else createIpvlan(socket, { ...link, mode: "l2", flag: "bridge" })
    } catch (error) {
      // A parent that has links of the other kind, or another mode, is busy: the kind itself is known.
      if (!(error instanceof SystemError && error.code === "EBUSY")) throw error
    } finally {
      deleteLink(socket, name)
    }
  })
}

function withKind(kind: string, work: () => void): void {
  try {
    work()
  } catch (error) {
    if (!(error instanceof SystemError && error.code === "EOPNOTSUPP")) throw error
    throw new Failure(
      "notImplemented",
      `the kernel of this host has no ${kind} links: load the module (modprobe ${kind === "vlan" ? "8021q" : kind}), or use the bridge driver`,
      error,
    )
  }
}

const missing = (parent: string): Failure =>
  new Failure(
    "invalidArgument",
    `invalid subinterface vlan name ${parent}, example formatting is eth0.10; the host has no interface ${parent} (\`ip link\` shows those it has)`,
  )
