import type { Int64 } from "../std/json.ts"

/** How a container is joined to a network: as asked for, and, while it runs, what it got. */
export interface EndpointSettings {
  readonly IPAMConfig: {
    readonly IPv4Address?: string
    readonly IPv6Address?: string
    readonly LinkLocalIPs?: readonly string[]
  } | null
  readonly Links: readonly string[] | null
  readonly Aliases: readonly string[] | null
  readonly MacAddress: string
  readonly DriverOpts: Readonly<Record<string, string>> | null
  readonly GwPriority: number
  readonly NetworkID: string
  readonly EndpointID: string
  readonly Gateway: string
  readonly IPAddress: string
  readonly IPPrefixLen: number
  readonly IPv6Gateway: string
  readonly GlobalIPv6Address: string
  readonly GlobalIPv6PrefixLen: number
  readonly DNSNames: readonly string[] | null
}

export interface IpamPool {
  readonly Subnet?: string
  readonly IPRange?: string
  readonly Gateway?: string
  readonly AuxiliaryAddresses?: Readonly<Record<string, string>>
}

export interface Ipam {
  readonly Driver: string
  readonly Options: Readonly<Record<string, string>> | null
  readonly Config: readonly IpamPool[] | null
}

export interface NetworkEndpoint {
  readonly Name: string
  readonly EndpointID: string
  readonly MacAddress: string
  /** With prefix length. */
  readonly IPv4Address: string
  readonly IPv6Address: string
}

/** The use of a subnet's addresses, each number at most 2^64 − 1. */
export interface SubnetStatus {
  /** Addresses that belong to somebody or are reserved. */
  readonly IPsInUse: Int64
  /** Addresses of the network's range that a container can get. */
  readonly DynamicIPsAvailable: Int64
}

/** A network, as `GET /networks/{id}` shows it. */
export interface NetworkInspect {
  readonly Name: string
  readonly Id: string
  readonly Created: string
  readonly Scope: "local" | "global" | "swarm"
  readonly Driver: string
  readonly EnableIPv4: boolean
  readonly EnableIPv6: boolean
  readonly IPAM: Ipam
  readonly Internal: boolean
  readonly Attachable: boolean
  readonly Ingress: boolean
  readonly ConfigFrom: { readonly Network: string }
  readonly ConfigOnly: boolean
  readonly Containers: Readonly<Record<string, NetworkEndpoint>>
  readonly Options: Readonly<Record<string, string>>
  readonly Labels: Readonly<Record<string, string>>
  /** Since 1.52, of a single network; subnets by their text. */
  readonly Status?: { readonly IPAM: { readonly Subnets: Readonly<Record<string, SubnetStatus>> } }
}

/** `POST /networks/create`, decoded. */
export interface NetworkCreateRequest {
  readonly Name: string
  readonly Driver: string
  readonly Scope: string
  readonly EnableIPv4?: boolean
  readonly EnableIPv6?: boolean
  readonly IPAM?: Ipam
  readonly Internal: boolean
  readonly Attachable: boolean
  readonly Ingress: boolean
  readonly ConfigOnly: boolean
  readonly ConfigFrom?: { readonly Network: string }
  readonly Options: Readonly<Record<string, string>> | null
  readonly Labels: Readonly<Record<string, string>> | null
}

export interface NetworkCreateResponse {
  readonly Id: string
  readonly Warning: string
}

export interface NetworkConnectRequest {
  readonly Container: string
  readonly EndpointConfig?: EndpointSettings
}

export interface NetworkDisconnectRequest {
  readonly Container: string
  readonly Force: boolean
}

export interface NetworksPruneResponse {
  readonly NetworksDeleted: readonly string[] | null
}

/** Settings of an endpoint that were left to the engine. */
export const noSettings: EndpointSettings = {
  IPAMConfig: null,
  Links: null,
  Aliases: null,
  MacAddress: "",
  DriverOpts: null,
  GwPriority: 0,
  NetworkID: "",
  EndpointID: "",
  Gateway: "",
  IPAddress: "",
  IPPrefixLen: 0,
  IPv6Gateway: "",
  GlobalIPv6Address: "",
  GlobalIPv6PrefixLen: 0,
  DNSNames: null,
}
