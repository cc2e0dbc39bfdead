/** A port of this host that leads to a container, as `GET /ports` tells it. */
export interface ExposedPort {
  readonly Container: string
  readonly Id: string
  readonly Network: string
  readonly Protocol: "tcp" | "udp" | "sctp"
  /** `0.0.0.0` or `::` for every address of the host's. */
  readonly HostIp: string
  /** The last one of a range equals the first for a single port. */
  readonly HostPort: number
  readonly HostPortEnd: number
  readonly ContainerPort: number
  /** Who can reach it as far as the address decides. */
  readonly Reach: "host" | "address" | "everyone"
  /** What of the host's firewall stands in the way of others than the host itself. */
  readonly Firewall: "input" | "bypassed" | "excepted" | "dropped"
  /** For `dropped` the chain that does it, for `excepted` the one that would without a rule of the daemon's; as nft names it. */
  readonly Chain?: string
}
