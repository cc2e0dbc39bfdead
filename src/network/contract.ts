import type { LinkCounters } from "../linux/links.ts"
import type { LowDescriptors } from "../linux/low-descriptors.ts"
import type { Span } from "../trace/span.ts"

export interface PortBinding {
  readonly protocol: "tcp" | "udp" | "sctp"
  readonly containerPort: number
  /** Empty for all addresses of both families. */
  readonly hostIp: string
  /** 0 asks for an ephemeral one; a range when `hostPortEnd` is larger. */
  readonly hostPort: number
  readonly hostPortEnd?: number
}

/**
 * A port that is published: `hostPort` is the one that was chosen, `hostIp` is `0.0.0.0` or `::` for all addresses of a family.
 * Port 0 where the container's own address is reached instead of the host's (gateway mode routed).
 */
export interface BoundPort {
  readonly protocol: "tcp" | "udp" | "sctp"
  readonly containerPort: number
  readonly hostIp: string
  readonly hostPort: number
}

/** An address with what a container needs to use it. */
export interface EndpointAddress {
  readonly address: string
  readonly prefixLength: number
  /** Of the network; absent when it has none (`internal`, ipvlan L3). */
  readonly gateway?: string
}

/** A container's place in a network. Plain data, kept in a {@link Sandbox}. */
export interface Endpoint {
  readonly id: string
  readonly networkId: string
  /** The network's name. */
  readonly network: string
  /** Empty where the interface as a whole lies in the container (macvlan, ipvlan). */
  readonly hostInterface: string
  readonly containerInterface: string
  readonly macAddress: string
  readonly ipv4?: EndpointAddress
  readonly ipv6?: EndpointAddress
  /** The names that others of the network find it by; the first one is what its addresses are called. */
  readonly names: readonly string[]
  /** Names that only this container uses, for others of the network: alias → name. */
  readonly links: Readonly<Record<string, string>>
  /** The highest one among a container's networks gives the default route. */
  readonly gatewayPriority: number
  /** The interface came into being without IPv6: nobody has to switch it off. */
  readonly bornWithoutIpv6?: boolean
}

/** Ports at which a container is reached by one that is linked to it, in a bridge that keeps its containers apart (`icc`). */
export interface PeerPorts {
  readonly containerId: string
  readonly ports: readonly { readonly protocol: "tcp" | "udp" | "sctp"; readonly port: number }[]
}

/**
 * A container's network namespace with everything in it, or that of a sandbox that several share. Plain data, kept in {@link Records} by
 * `containerId`: the key of core's sandbox.
 */
export interface Sandbox {
  readonly containerId: string
  readonly containerName: string
  /** A bind-mounted network namespace, ready to be named in the OCI spec. */
  readonly path: string
  readonly endpoints: readonly Endpoint[]
  /** What shall be published, and what is: none while no network of the container leads to the outside. */
  readonly bindings: readonly PortBinding[]
  readonly ports: readonly BoundPort[]
  /** Name servers asked for what the networks do not know; the host's when empty. */
  readonly nameservers: readonly string[]
  /** Containers that it is linked to. Absent without links. */
  readonly peers?: readonly PeerPorts[]
}

/** Documents that survive the daemon: synchronous, each change durable against kill -9. A collection of core's metadata is one. */
export interface Records<T> {
  put(key: string, value: T): void
  delete(key: string): boolean
  all(): readonly (readonly [string, T])[]
}

/** Keeps descriptors open, sockets with what waits in them, while this process does not live. */
export interface DescriptorHolder {
  hold(key: string, descriptors: readonly number[]): void
  release(key: string): void
  /** What is held since an earlier life, and stays so: copies for this process, which closes them. */
  recover(): Promise<ReadonlyMap<string, readonly number[]>>
}

/** Address space that networks are cut from: subnets of length `size` out of `base`. */
export interface AddressPool {
  readonly base: string
  readonly size: number
}

/** One subnet of a network. */
export interface SubnetConfig {
  /** `ADDRESS/LENGTH`. */
  readonly subnet: string
  /** The part that addresses are chosen from. */
  readonly range?: string
  readonly gateway?: string
  /** Addresses that belong to others and are never given out, by name; see {@link otherGateway}. */
  readonly auxiliary: Readonly<Record<string, string>>
}

/** The auxiliary address that containers of a bridge network have as their gateway instead of the bridge, by family: Docker's names. */
export const otherGateway = { 4: "DefaultGatewayIPv4", 6: "DefaultGatewayIPv6" } as const

export type DriverName = "bridge" | "macvlan" | "ipvlan"

/** A network as asked for. */
export interface NetworkRequest {
  readonly id: string
  readonly name: string
  readonly driver: DriverName
  readonly ipv4: boolean
  readonly ipv6: boolean
  /** Those asked for; a family without one gets one from the pools. */
  readonly subnets: readonly SubnetConfig[]
  /** Without a way to the outside, and without published ports. */
  readonly internal: boolean
  /** `com.docker.network.*` and the driver's own. */
  readonly options: Readonly<Record<string, string>>
}

/** A network as it is: every family has its subnet, with a gateway. Kept in {@link Records} by ID. */
export interface NetworkRecord extends NetworkRequest {
  /** Of the bridge; of the interface below containers' own for macvlan and ipvlan. */
  readonly hostInterface: string
  /** The interface was made for this network and goes with it. */
  readonly ownInterface: boolean
  readonly mtu: number
}

/** How the daemon's networks shall be; what is absent has Docker's default. */
export interface NetworkingOptions {
  /** Names of everything on the host derive from it: the default bridge's name, or another word without one. */
  readonly name: string
  /** Make the default bridge, of that name. */
  readonly defaultBridge: boolean
  /** Namespaces are bound below `<runRoot>/netns`. */
  readonly runRoot: string
  readonly sandboxes: Records<Sandbox>
  readonly networks: Records<NetworkRecord>
  /** Reserved for libnftables; the caller's. */
  readonly lowDescriptors: LowDescriptors
  /** Holds the sockets that names are asked on. Without one, questions are refused while the daemon restarts. */
  readonly holder?: DescriptorHolder
  /** Address and prefix of the default bridge, `172.17.0.1/16`; chosen from the pools, around the host's routes, when absent. */
  readonly bip?: string
  readonly bip6?: string
  /** The part of the default bridge's subnet that addresses are chosen from. */
  readonly fixedCidr?: string
  readonly fixedCidr6?: string
  /** Where ports of the default bridge's containers are published that name no address. Default: everywhere. */
  readonly hostBinding?: string
  /** Where containers of the default bridge send what leaves it, instead of to the bridge's own address. */
  readonly gateway?: string
  readonly gateway6?: string
  /** The default bridge has IPv6 too. */
  readonly ipv6?: boolean
  /** Bytes, of the default bridge. Default: the MTU of the host's default route, at most 1500. */
  readonly mtu?: number
  /** Containers of the default bridge may talk to each other. Default true. */
  readonly icc?: boolean
  /** Switch forwarding on when it is off. Default true. */
  readonly ipForward?: boolean
  /** Published ports are reached from outside through the host's input rules, as programs of the host are; TCP and UDP. Default false. */
  readonly respectHostFirewall?: boolean
  /** Hide containers of the default bridge behind the host's address. Default true. */
  readonly ipMasq?: boolean
  readonly defaultAddressPools?: readonly AddressPool[]
  /** Ready places in the default bridge at most, refilled when half are used. Default 8; 0 keeps none ahead. */
  readonly poolSize?: number
  /** The host's resolver configuration. Default `/etc/resolv.conf`. */
  readonly resolvConf?: string
  /** Told of what is done to the host, and of what went wrong in the background. */
  readonly log: (message: string) => void
}

/** A container's wish to be in a network. */
export interface EndpointRequest {
  readonly networkId: string
  readonly macAddress?: string
  /** Given addresses of the subnets instead of the next free ones. */
  readonly ipv4?: string
  readonly ipv6?: string
  /** Further addresses, link-local ones, which nobody manages. */
  readonly linkLocal?: readonly string[]
  /** Addresses that it had before: it gets them again if nobody else has them now. */
  readonly before?: readonly string[]
  /** Without an IPv6 address, whatever the network has. */
  readonly withoutIpv6?: boolean
  readonly names: readonly string[]
  readonly links: Readonly<Record<string, string>>
  readonly gatewayPriority: number
  /** The interface's name in the container. Default `eth0`, `eth1` and so on. */
  readonly interfaceName?: string
  /** Files below /proc/sys/net with what is written into them; `IFNAME` stands for the interface. */
  readonly sysctls?: Readonly<Record<string, string>>
}

export interface JoinOptions {
  readonly containerId: string
  readonly containerName: string
  /** In the order of the interfaces; none yet for a container that stays alone until it is connected. */
  readonly endpoints: readonly EndpointRequest[]
  readonly ports: readonly PortBinding[]
  /** See {@link Sandbox.nameservers}. */
  readonly nameservers: readonly string[]
  /** See {@link Sandbox.peers}. */
  readonly peers?: readonly PeerPorts[]
}

/**
 * Networks of this host: bridges, address ranges, NAT, published ports, name resolution, and ready network namespaces. All of
 * it by rtnetlink and libnftables in this process; namespaces are made in a helper child.
 *
 * Disposing keeps what living sandboxes need, so that containers stay connected without the daemon; when there is none,
 * table and default bridge (if it was made here) vanish, and bridges of networks wait to be made again.
 */
export interface Networking extends AsyncDisposable {
  /** The default bridge, if there is one; not removable. */
  readonly defaultNetwork: NetworkRecord | undefined
  /**
   * Makes a network, recorded before this returns.
   * @throws invalidArgument, permissionDenied (overlap); notImplemented when the kernel lacks the driver
   */
  create(request: NetworkRequest): NetworkRecord
  /** Removes a network, which must be empty. Idempotent. */
  remove(networkId: string): void
  network(networkId: string): NetworkRecord | undefined
  networks(): readonly NetworkRecord[]
  /**
   * A container's namespace, joined to its networks; a ready one where there is one. Recorded before this resolves.
   * @throws conflict naming the holder of a taken port or address; internal when no address is left
   */
  join(options: JoinOptions, span: Span): Promise<Sandbox>
  /** Joins a sandbox that lives to a further network. @throws as {@link join} */
  connect(containerId: string, request: EndpointRequest, span: Span): Promise<Endpoint>
  /** Takes a sandbox that lives out of one network. Idempotent. */
  disconnect(containerId: string, networkId: string): Promise<void>
  /** Frees ports and addresses at once, the namespace in the background. Idempotent. */
  leave(containerId: string): void
  /** A container was renamed, or its names changed: what others find it by in a network from now on. */
  rename(containerId: string, networkId: string, names: readonly string[]): void
  /** A container that runs has other links from now on, see {@link Sandbox.peers}. */
  relink(containerId: string, peers: readonly PeerPorts[]): void
  sandbox(containerId: string): Sandbox | undefined
  sandboxes(): readonly Sandbox[]
  /** Interface counters for stats, as the container sees them, by interface. */
  counters(containerId: string): Readonly<Record<string, InterfaceCounters>>
  /**
   * Gives up the sandboxes of containers that are not among `living`. To be called once after a start, when it is known
   * what still runs; until then every recorded sandbox is kept.
   */
  reconcile(living: ReadonlySet<string>): Promise<void>
  /**
   * Name servers for resolv.conf outside networks of the user: the host's; when those are on the host's loopback, the default
   * bridge's gateway, where a forwarder then listens.
   */
  nameservers(): Promise<readonly string[]>
  /** Forward chains of other programs that drop packets of containers, as nft names them, or by the program when that is iptables-legacy. */
  readonly forwardDrops: readonly string[]
  /** Such chains of the host's iptables in which a rule of this daemon lets packets of containers pass. */
  readonly forwardExceptions: readonly string[]
  /** Others than this host reach published ports through its input rules, by a relay. */
  readonly respectsHostFirewall: boolean
  /** What of other programs on this host stands in the way, with the commands that help; for `info`. */
  warnings(): readonly string[]
}

export type InterfaceCounters = LinkCounters
