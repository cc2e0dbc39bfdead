import { Failure, messageOf } from "../errors/failure.ts"
import type { NetlinkSocket } from "../linux/netlink.ts"
import { Reactor } from "../linux/reactor.ts"
import type { BoundPort, Endpoint, PortBinding, Sandbox } from "./contract.ts"
import { DatagramRelay } from "./datagram-relay.ts"
import { forgetAfterWithdrawal, forgetBeforePublishing } from "./flows.ts"
import { setSysctl } from "./host-bridge.ts"
import { Ports } from "./ports.ts"
import { Relay } from "./relay.ts"
import type { Forwarding, RoutedPort, Rules } from "./rules.ts"

/** Where published ports lead. */
export interface PublishTarget {
  readonly bridge: string
  readonly ipv4?: string
  readonly ipv6?: string
  /** Families whose ports are reached at the container's own address instead of the host's. */
  readonly routed4: boolean
  readonly routed6: boolean
  /** The container's own addresses at which outsiders reach the ports, in whichever of its networks. */
  readonly routedAddresses: readonly string[]
}

interface Opened {
  readonly forwardings: readonly Forwarding[]
  readonly routed: readonly RoutedPort[]
  readonly relays: readonly Disposable[]
}

/**
 * Published ports, whole: the host's side is held, the kernel forwards or a relay passes on, old flows are forgotten. A
 * container's ports go through {@link take}, {@link open}, {@link shut} and {@link release}.
 */
export class Publisher {
  readonly #ports: Ports
  readonly #throughHost: boolean
  readonly #rules: Rules
  readonly #socket: NetlinkSocket
  readonly #log: (message: string) => void
  readonly #opened = new Map<string, Opened>()
  readonly #loopbackRouted = new Set<string>()
  #reactor: Reactor | undefined

  /** @param throughHost others than this host and containers come in by relays, behind the host's input rules */
  constructor(rules: Rules, socket: NetlinkSocket, throughHost: boolean, log: (message: string) => void) {
    this.#rules = rules
    this.#throughHost = throughHost
    this.#ports = new Ports(throughHost)
    this.#socket = socket
    this.#log = log
  }

  /** Takes ports of the host, all or none. @throws internal, which Docker calls every reason, in its words */
  take(containerName: string, endpointId: string, bindings: readonly PortBinding[]): readonly BoundPort[] {
    try {
      return this.#ports.take(containerName, bindings)
    } catch (error) {
      throw new Failure(
        "internal",
        `driver failed programming external connectivity on endpoint ${containerName} (${endpointId}): ${messageOf(error)}`,
        error,
      )
    }
  }

  /** Holds ports that a container has had in an earlier life of the daemon. */
  restore(containerName: string, ports: readonly BoundPort[]): void {
    this.#ports.restore(containerName, ports)
  }

  /** Leads ports that were taken to a container. @param fresh flows of before are forgotten @throws NftablesError */
  open(
    { containerId, containerName, ports }: Pick<Sandbox, "containerId" | "containerName" | "ports">,
    target: PublishTarget,
    fresh: boolean,
  ): void {
    if (ports.length === 0) return
    this.shut(containerId)
    const forwardings = forwardingsOf(ports, target)
    const routed = routedOf(ports, target)
    if (forwardings.some(({ containerIp }) => !containerIp.includes(":"))) this.#routeLoopback(target.bridge)
    this.#rules.publish(forwardings)
    this.#rules.openRouted(routed)
    this.#opened.set(containerId, { forwardings, routed, relays: this.#relays(containerName, ports, target) })
    if (fresh) forgetBeforePublishing(this.#socket, forwardings)
  }

  /** Leads a container's ports nowhere; the host's side stays taken. */
  shut(containerId: string): void {
    const opened = this.#opened.get(containerId)
    if (!opened) return
    this.#opened.delete(containerId)
    for (const relay of opened.relays) relay[Symbol.dispose]()
    this.#rules.closeRouted(opened.routed)
    this.#rules.withdraw(opened.forwardings)
    forgetAfterWithdrawal(opened.forwardings)
  }

  /** Gives the host's side back. */
  release(containerName: string, ports: readonly BoundPort[]): void {
    this.#ports.release(containerName, ports)
  }

  /** Lets go of the host's side of everything; forwarding goes on. For the end of the process. */
  releaseAll(): void {
    for (const { relays } of this.#opened.values()) for (const relay of relays) relay[Symbol.dispose]()
    this.#reactor?.[Symbol.dispose]()
    this.#ports.close()
  }

  /** What the kernel cannot do for IPv6: reach a container without it, and from ::1 any container. */
  #relays(containerName: string, ports: readonly BoundPort[], target: PublishTarget): readonly Disposable[] {
    const address = target.ipv4 ?? target.ipv6
    if (address === undefined) return []
    return ports
      .filter(({ hostIp, hostPort }) => hostPort > 0 && (this.#throughHost || hostIp.includes(":")))
      .flatMap((port): Disposable[] => {
        const to = { address, port: port.containerPort }
        if (port.protocol === "tcp") return [this.#connectionRelay(port, to)]
        return port.protocol === "udp" ? this.#datagramRelay(containerName, port, to) : []
      })
  }

  #connectionRelay({ hostIp, hostPort }: BoundPort, to: { readonly address: string; readonly port: number }): Relay {
    return Relay.open({ address: hostIp, port: hostPort }, to, (error) => this.#unreachable(hostIp, hostPort, error))
  }

  /** The socket that holds the port is the one that it works on; without it the port was lost. */
  #datagramRelay(
    containerName: string,
    port: BoundPort,
    to: { readonly address: string; readonly port: number },
  ): DatagramRelay[] {
    const descriptor = this.#ports.descriptor(containerName, port)
    if (descriptor === undefined) return []
    try {
      this.#reactor ??= new Reactor()
      return [new DatagramRelay(this.#reactor, descriptor, port.hostIp.includes(":") ? 6 : 4, to)]
    } catch (error) {
      this.#unreachable(port.hostIp, port.hostPort, error)
      return []
    }
  }

  #unreachable(hostIp: string, hostPort: number, error: unknown): void {
    this.#log(`port ${hostPort} is not reachable at [${hostIp}]: ${messageOf(error)}`)
  }

  /** Lets the host reach published ports at 127.0.0.1; the table's raw chain keeps containers off the host's loopback. */
  #routeLoopback(bridge: string): void {
    if (this.#loopbackRouted.has(bridge)) return
    this.#loopbackRouted.add(bridge)
    setSysctl(`ipv4/conf/${bridge}/route_localnet`, "1")
  }

  /** A bridge was removed or made anew. */
  forgetBridge(bridge: string): void {
    this.#loopbackRouted.delete(bridge)
  }
}

/** The endpoint's side of {@link PublishTarget}. */
export const addressesOfEndpoint = ({ ipv4, ipv6 }: Endpoint): { ipv4?: string; ipv6?: string } => ({
  ...(ipv4 ? { ipv4: ipv4.address } : {}),
  ...(ipv6 ? { ipv6: ipv6.address } : {}),
})

/** What the kernel forwards, runs of ports with the same number on both sides as one range. */
function forwardingsOf(ports: readonly BoundPort[], target: PublishTarget): readonly Forwarding[] {
  const single = ports.flatMap((port): Forwarding[] => {
    const six = port.hostIp.includes(":")
    const containerIp = six ? target.ipv6 : target.ipv4
    return containerIp === undefined || port.hostPort === 0 || (six ? target.routed6 : target.routed4)
      ? []
      : [{ ...port, containerIp }]
  })
  const order = (one: Forwarding) => `${one.protocol} ${one.hostIp} ${one.containerIp}`
  single.sort((a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : a.hostPort - b.hostPort))
  const merged: Forwarding[] = []
  for (const next of single) {
    const last = merged.at(-1)
    const straight = next.hostPort === next.containerPort && last?.hostPort === last?.containerPort
    if (last && straight && order(last) === order(next) && (last.lastPort ?? last.hostPort) + 1 === next.hostPort)
      merged[merged.length - 1] = { ...last, lastPort: next.hostPort }
    else merged.push(next)
  }
  return merged
}

function routedOf(ports: readonly BoundPort[], { routedAddresses }: PublishTarget): readonly RoutedPort[] {
  const found = new Map<string, RoutedPort>()
  for (const { protocol, containerPort: port } of ports)
    for (const address of routedAddresses) found.set(`${protocol} ${address} ${port}`, { protocol, address, port })
  return [...found.values()]
}
