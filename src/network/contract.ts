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

export interface BoundPort extends PortBinding {
  readonly hostPort: number
}

/** A container's place in a network. */
export interface Endpoint {
  readonly id: string
  readonly containerId: string
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

/**
 * The default bridge: its interface, address range, NAT, published ports and a pool of ready network namespaces.
 * All of it by rtnetlink and libnftables in this process; namespaces are made in a helper child.
 */
export interface BridgeNetwork extends AsyncDisposable {
  readonly bridge: string
  readonly subnet: string
  readonly gateway: string
  readonly mtu: number
  /** Takes a ready namespace and publishes ports. @throws conflict naming the holder of a taken port; exhausted when no address is left */
  connect(
    containerId: string,
    options: { readonly containerName: string; readonly ports: readonly PortBinding[]; readonly macAddress?: string },
    span: Span,
  ): Promise<Endpoint>
  /** Frees ports and address at once, the namespace in the background. Idempotent. */
  disconnect(containerId: string): Promise<void>
  endpoint(containerId: string): Endpoint | undefined
  /** Interface counters for stats, or undefined when it has gone. */
  counters(containerId: string): InterfaceCounters | undefined
}

export interface InterfaceCounters {
  readonly rxBytes: bigint
  readonly rxPackets: bigint
  readonly rxErrors: bigint
  readonly rxDropped: bigint
  readonly txBytes: bigint
  readonly txPackets: bigint
  readonly txErrors: bigint
  readonly txDropped: bigint
}
