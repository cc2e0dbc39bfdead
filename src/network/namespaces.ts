import { spawn } from "node:child_process"
import { closeSync, mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Failure, messageOf } from "../errors/failure.ts"
import { linkUp } from "../linux/links.ts"
import { umount } from "../linux/mount.ts"
import { NetlinkSocket } from "../linux/netlink.ts"
import { enterNetworkNamespace, makeNetworkNamespace, writeNetworkSysctls } from "../linux/network-namespace.ts"
import { rewritePorts } from "../linux/port-rewrite.ts"
import { openResolverSockets, portOf, ResolverSockets } from "../linux/resolver-sockets.ts"
import { receiveDescriptors, sendDescriptors } from "../linux/scm-rights.ts"
import { socketPair } from "../linux/socket.ts"
import { selfCommand } from "../std/self.ts"

/**
 * Network namespaces are made by a child of this program: a thread of the daemon that entered one could not be brought
 * back for certain. The child binds each below `<run>/netns` and passes sockets that were opened inside; by these the
 * daemon configures the namespace, and answers questions for names in it, without ever entering it.
 */

/** What a container's namespace has from the start: what Docker sets so that PID 1 needs no capability for low ports and ping. */
const sysctls: Readonly<Record<string, string>> = {
  "ipv6/conf/default/accept_ra": "0",
  "ipv4/ip_unprivileged_port_start": "0",
  "ipv4/ping_group_range": "0 2147483647",
}

/** For interfaces that come later: namespaces of IPv4 networks have no IPv6 on them. */
const withoutIpv6 = { "ipv6/conf/default/disable_ipv6": "1" }
const withIpv6 = { "ipv6/conf/default/disable_ipv6": "0" }

/** Where a container asks for names in networks of the user. */
export const resolverAddress = "127.0.0.11"
const resolverPort = 53
/** The table of nftables in a container's namespace that leads port 53 of {@link resolverAddress} to the daemon's sockets. */
const resolverTable = "barge_names"

/** What is opened in a namespace, or made in it, beyond what every one has. */
export interface NamespaceFeatures {
  /** Interfaces that come later have IPv6; those there are keep what they have. */
  readonly ipv6?: boolean
  /** Questions for names are answered in it; those that were asked on earlier sockets are led to the new ones. */
  readonly names?: boolean
}

/** What the daemon has of a namespace: sockets opened inside, by which it configures the namespace and answers in it. */
export interface NamespaceSockets extends Disposable {
  readonly route: NetlinkSocket
  /** Where port 53 of {@link resolverAddress} leads; the port itself stays free for a name server in the container. */
  readonly resolver: ResolverSockets | undefined
}

/** A namespace of a name below the folder. The receiver disposes its sockets. */
export interface NewNamespace extends NamespaceSockets {
  readonly name: string
  readonly path: string
  /** Interfaces in it have IPv6. */
  readonly ipv6: boolean
}

const helperSocket = 3
const loopbackIndex = 1

/**
 * The child's side. `internal netns make FOLDER FEATURES NAME…` makes namespaces, `internal netns enter PATH FEATURES [FILE=VALUE…]`
 * enters one and writes sysctls. FEATURES are words of {@link NamespaceFeatures} with commas between, or empty. Descriptor 3 is
 * a seqpacket socket that gets one message per namespace: the name, with the sockets.
 * @returns the exit status
 */
export function netnsHelper(args: readonly string[]): number {
  const [verb, place, words, ...rest] = args
  if ((verb !== "make" && verb !== "enter") || !place || words === undefined) {
    console.error(
      "internal netns make FOLDER FEATURES NAME… | enter PATH FEATURES [FILE=VALUE…]: opens network namespaces for the daemon",
    )
    return 2
  }
  const features = featuresOf(words)
  const made: string[] = []
  try {
    if (verb === "enter") {
      enterNetworkNamespace(place)
      const changes = Object.fromEntries(rest.map((pair) => pair.split("=", 2) as [string, string]))
      writeNetworkSysctls({ ...(features.ipv6 ? withIpv6 : {}), ...changes }, false)
      sendSockets("entered", features, true)
      return 0
    }
    for (const name of rest) {
      makeNetworkNamespace(join(place, name))
      made.push(name)
      writeNetworkSysctls(features.ipv6 ? sysctls : { ...sysctls, ...withoutIpv6 }, true)
      sendSockets(name, features, false)
    }
    return 0
  } catch (error) {
    // The daemon may have gone: what it can no longer take stays nowhere.
    for (const name of made) dropNamespace(join(place, name))
    console.error(messageOf(error))
    return 1
  }
}

const wordsOf = ({ ipv6, names }: NamespaceFeatures): string =>
  [...(ipv6 ? ["ipv6"] : []), ...(names ? ["names"] : [])].join(",")

function featuresOf(words: string): NamespaceFeatures {
  const given = words.split(",")
  return { ipv6: given.includes("ipv6"), names: given.includes("names") }
}

/** @param used the namespace may have been given a name server before */
function sendSockets(name: string, { names }: NamespaceFeatures, used: boolean): void {
  using route = NetlinkSocket.open()
  // Addresses of the loopback are the namespace's own from here on; a socket bound before answers from another one.
  route.execute(linkUp(loopbackIndex))
  using resolver = names ? openResolver(used) : undefined
  const sockets = resolver ? [resolver.udp, resolver.tcp] : []
  sendDescriptors(helperSocket, Buffer.from(name), [route.descriptor, ...sockets])
}

/** Sockets for questions, which are led there from now on. */
function openResolver(again: boolean): ResolverSockets {
  const sockets = openResolverSockets(resolverAddress)
  try {
    using netfilter = NetlinkSocket.open("netfilter")
    const services = (["udp", "tcp"] as const).map((protocol) => ({
      protocol,
      address: resolverAddress,
      askedAt: resolverPort,
      listensAt: portOf(sockets[protocol]),
    }))
    rewritePorts(netfilter, resolverTable, services, again)
    return sockets
  } catch (error) {
    sockets[Symbol.dispose]()
    throw error
  }
}

/**
 * Makes a namespace of each name below `folder`, in one child.
 * @throws internal with the child's words; then none of them exists
 */
export async function makeNamespaces(
  folder: string,
  names: readonly string[],
  features: NamespaceFeatures,
): Promise<NewNamespace[]> {
  mkdirSync(folder, { recursive: true, mode: 0o711 })
  const { received, words } = await runHelper(["make", folder, wordsOf(features), ...names])
  const { ipv6 = false } = features
  const made = received.map(({ name, sockets }) => ({ name, path: join(folder, name), ipv6, ...sockets }))
  if (made.length === names.length) return made
  for (const namespace of made) dropNamespace(namespace.path, namespace)
  throw new Failure("internal", `network namespaces could not be made: ${words}`)
}

/**
 * Opens sockets in a namespace that exists, and writes sysctls there (files below /proc/sys/net). Takes some 20 ms, for a child.
 * @throws internal with the child's words
 */
export async function enterNamespace(
  path: string,
  features: NamespaceFeatures = {},
  changes: Readonly<Record<string, string>> = {},
): Promise<NamespaceSockets> {
  const pairs = Object.entries(changes).map(([file, value]) => `${file}=${value}`)
  const { received, words } = await runHelper(["enter", path, wordsOf(features), ...pairs])
  if (received[0]) return received[0].sockets
  throw new Failure("internal", `network namespace ${path} could not be entered: ${words}`)
}

function socketsOf(descriptors: readonly number[]): NamespaceSockets {
  const route = new NetlinkSocket(descriptors[0]!)
  const [, udp, tcp] = descriptors
  const resolver = udp === undefined || tcp === undefined ? undefined : new ResolverSockets(udp, tcp)
  return {
    route,
    resolver,
    [Symbol.dispose]: () => {
      route[Symbol.dispose]()
      resolver?.[Symbol.dispose]()
    },
  }
}

interface Received {
  readonly name: string
  readonly sockets: NamespaceSockets
}

/** Runs the child to its end. @returns what came over its socket, and what it said */
async function runHelper(args: readonly string[]): Promise<{ readonly received: Received[]; readonly words: string }> {
  const [ours, theirs] = socketPair()
  try {
    const ended = startHelper(args, theirs)
    closeSync(theirs)
    const words = await ended
    const received: Received[] = []
    for (;;) {
      // The child has ended, so everything that it sent lies in the socket, followed by the end.
      const message = receiveDescriptors(ours)
      if (!message || message.descriptors.length === 0) return { received, words }
      received.push({ name: message.bytes.toString(), sockets: socketsOf(message.descriptors) })
    }
  } finally {
    closeSync(ours)
  }
}

/** Runs the child. @returns what it said, when it has ended */
function startHelper(args: readonly string[], socket: number): Promise<string> {
  const [command, ...first] = selfCommand()
  const child = spawn(command!, [...first, "internal", "netns", ...args], {
    stdio: ["ignore", "ignore", "pipe", socket],
  })
  let words = ""
  child.stderr?.on("data", (chunk: Buffer) => {
    words += chunk.toString()
  })
  return new Promise((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code, signal) => resolve(words.trim() || `the child ended with ${signal ?? code}`))
  })
}

/**
 * Lets a namespace go: once no process is in it the kernel takes it apart on its own time, interfaces and all. Takes
 * some 30 µs. A path that is not bound, or not there, is not an error.
 */
export function dropNamespace(path: string, sockets?: Disposable): void {
  sockets?.[Symbol.dispose]()
  for (let left = 3; ; left--) {
    try {
      umount(path, { detach: true })
    } catch (error) {
      const { code } = error as { code?: string }
      if (code !== "EINVAL" && code !== "ENOENT") throw error
    }
    try {
      rmSync(path, { force: true })
      return
    } catch (error) {
      // The child of a daemon that was killed has bound the namespace in between; it does so once.
      if ((error as { code?: string }).code !== "EBUSY" || left === 0) throw error
    }
  }
}
