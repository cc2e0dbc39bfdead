import type { LinkCounters } from "../linux/links.ts"
import type { Span } from "../trace/span.ts"

export interface PortBinding {
  readonly protocol: "tcp" | "udp" | "sctp"
  readonly containerPort: number
  /** Empty for all addresses. */
  readonly hostIp: string
  /** 0 asks for an ephemeral one; a range when `hostPortEnd` is larger. */
  readonly hostPort: number
  readonly hostPortEnd?: number
}

/** A port that is published: `hostPort` is the one that was chosen, `hostIp` is `0.0.0.0` for all addresses. */
export interface BoundPort {
  readonly protocol: "tcp" | "udp" | "sctp"
  readonly containerPort: number
  readonly hostIp: string
  readonly hostPort: number
}

/** A container's place in a network. Plain data, kept in {@link Records}. */
export interface Endpoint {
  readonly id: string
  readonly containerId: string
  readonly containerName: string
  readonly network: string
  /** A bind-mounted network namespace, ready to be named in the OCI spec. */
  readonly netnsPath: string
  readonly hostInterface: string
  readonly containerInterface: string
  readonly macAddress: string
  readonly ipv4: string
  readonly prefixLength: number
  readonly gateway: string
  readonly ports: readonly BoundPort[]
}

/** Documents that survive the daemon: synchronous, each change durable against kill -9. A collection of core's metadata is one. */
export interface Records<T> {
  put(key: string, value: T): void
  delete(key: string): boolean
  all(): readonly (readonly [string, T])[]
}

/** Address space that networks are cut from: subnets of length `size` out of `base`. */
export interface AddressPool {
  readonly base: string
  readonly size: number
}

/** How the default bridge shall be; what is absent has Docker's default. */
export interface BridgeOptions {
  /** The bridge's name, at most 15 characters; made when absent. Names of everything else of this daemon derive from it. */
  readonly bridge: string
  /** Namespaces are bound below `<runRoot>/netns`. */
  readonly runRoot: string
  /** Endpoints, by container ID. */
  readonly records: Records<Endpoint>
  /** Address and prefix of the bridge, `172.17.0.1/16`; chosen from the pools, around the host's routes, when absent. */
  readonly bip?: string
  /** The part of the subnet that addresses are chosen from. */
  readonly fixedCidr?: string
  /** Bytes. Default: the MTU of the host's default route, at most 1500. */
  readonly mtu?: number
  /** Containers may talk to each other. Default true. */
  readonly icc?: boolean
  /** Switch IPv4 forwarding on when it is off. Default true. */
  readonly ipForward?: boolean
  /** Hide containers behind the host's address. Default true. */
  readonly ipMasq?: boolean
  readonly defaultAddressPools?: readonly AddressPool[]
  /** Ready namespaces at most, refilled when half are used. Default 8; 0 keeps none ahead. */
  readonly poolSize?: number
  /** The host's resolver configuration. Default `/etc/resolv.conf`. */
  readonly resolvConf?: string
  /** Told of what is done to the host, and of what went wrong in the background. */
  readonly log: (message: string) => void
}

export interface ConnectOptions {
  readonly containerName: string
  readonly ports: readonly PortBinding[]
  readonly macAddress?: string
  /** A given address of the subnet instead of the next free one. */
  readonly ipv4?: string
}

/**
 * The default bridge: its interface, address range, NAT, published ports and a pool of ready network namespaces.
 * All of it by rtnetlink and libnftables in this process; namespaces are made in a helper child.
 *
 * Disposing keeps what living endpoints need, so that containers stay connected without the daemon; when there is none,
 * table, bridge (if it was made here) and namespaces vanish.
 */
export interface BridgeNetwork extends AsyncDisposable {
  readonly bridge: string
  readonly subnet: string
  readonly gateway: string
  readonly prefixLength: number
  readonly mtu: number
  /**
   * Takes a ready namespace and publishes ports. The endpoint is recorded before this resolves.
   * @throws conflict naming the holder of a taken port or address, or when the container is connected; exhausted when no address is left
   */
  connect(containerId: string, options: ConnectOptions, span: Span): Promise<Endpoint>
  /** Frees ports and address at once, the namespace in the background. Idempotent. */
  disconnect(containerId: string): Promise<void>
  endpoint(containerId: string): Endpoint | undefined
  endpoints(): readonly Endpoint[]
  /** Interface counters for stats, as the container sees them, or undefined when it has gone. */
  counters(containerId: string): InterfaceCounters | undefined
  /**
   * Gives up the endpoints of containers that are not among `living`. To be called once after a start, when it is known
   * what still runs; until then every recorded endpoint is kept.
   */
  reconcile(living: ReadonlySet<string>): Promise<void>
  /**
   * Name servers for resolv.conf: the host's; when those are on the host's loopback, the gateway, where a forwarder then listens.
   */
  nameservers(): Promise<readonly string[]>
  /** What of other programs on this host stands in the way, with the commands that help; for `info`. */
  warnings(): readonly string[]
}

export type InterfaceCounters = LinkCounters
