import type { BoundPort, Endpoint, PortBinding, Sandbox } from "./contract.ts"
import type { LocalNetwork } from "./local-network.ts"
import { addressesOfEndpoint, type Publisher } from "./publisher.ts"
import { defaultWays } from "./routes.ts"

/**
 * Bindings that can lead to an endpoint, with the address that they are published on. From an IPv6 address of the host a relay leads to IPv4 too; from
 * an IPv4 address nothing leads to a container that has IPv6 only, so it is not published there, as Docker does.
 */
function reachable(bindings: readonly PortBinding[], hostBinding: string, { ipv4 }: Endpoint): readonly PortBinding[] {
  const placed = bindings.map((each) => ({ ...each, hostIp: each.hostIp || hostBinding }))
  if (ipv4) return placed
  return placed
    .map((each) => (each.hostIp === "" ? { ...each, hostIp: "::" } : each))
    .filter(({ hostIp }) => hostIp.includes(":"))
}

/** Which ports a container has on the host, and which of its networks they lead to. */
export class Publishing {
  readonly #publisher: Publisher
  readonly #networks: ReadonlyMap<string, LocalNetwork>

  constructor(publisher: Publisher, networks: ReadonlyMap<string, LocalNetwork>) {
    this.#publisher = publisher
    this.#networks = networks
  }

  /** Gives a sandbox the ports that it wants, if one of its networks leads them in. @throws see {@link Publisher.take} */
  publish(sandbox: Sandbox): Sandbox {
    const publisher = this.#publisher
    const endpoint = this.#endpoint(sandbox)
    let { ports } = sandbox
    if (!endpoint) {
      publisher.shut(sandbox.containerId)
      publisher.release(sandbox.containerName, ports)
      return ports.length === 0 ? sandbox : { ...sandbox, ports: [] }
    }
    const fresh = ports.length === 0
    if (fresh) ports = this.#takePorts(sandbox, endpoint)
    const next = { ...sandbox, ports }
    try {
      this.lead(next, fresh)
    } catch (error) {
      if (fresh) publisher.release(sandbox.containerName, ports)
      throw error
    }
    return next
  }

  /** Leads the ports that a sandbox has to where they belong now. @param fresh they were taken just now */
  lead(sandbox: Sandbox, fresh: boolean): void {
    const endpoint = this.#endpoint(sandbox)
    const network = endpoint && this.#networks.get(endpoint.networkId)
    if (!endpoint || !network) return
    this.#publisher.open(
      sandbox,
      {
        bridge: network.record.hostInterface,
        ...addressesOfEndpoint(endpoint),
        routed4: network.options.gatewayMode4 === "routed",
        routed6: network.options.gatewayMode6 === "routed",
        routedAddresses: this.#routedAddresses(sandbox),
      },
      fresh,
    )
  }

  /** A container's addresses in all of its networks that outsiders have a route to. */
  #routedAddresses({ endpoints }: Sandbox): readonly string[] {
    return endpoints.flatMap(({ networkId, ipv4, ipv6 }) => {
      const { gatewayMode4, gatewayMode6 } = this.#networks.get(networkId)?.options ?? {}
      const routed = [gatewayMode4 === "routed" ? ipv4 : undefined, gatewayMode6 === "routed" ? ipv6 : undefined]
      return routed.flatMap((each) => each?.address ?? [])
    })
  }

  /** The endpoint that published ports lead to: among those of networks that publish, the one that default routes would prefer. */
  #endpoint({ endpoints }: Sandbox): Endpoint | undefined {
    const publish = endpoints.filter(({ networkId }) => this.#networks.get(networkId)?.publishes)
    return defaultWays(publish, () => true).ipv4 ?? publish[0]
  }

  /** Takes the host's side of ports; of a family that is routed there is none. */
  #takePorts({ containerName, bindings }: Sandbox, endpoint: Endpoint): readonly BoundPort[] {
    const { options } = this.#networks.get(endpoint.networkId)!
    const routed4 = options.gatewayMode4 === "routed" && endpoint.ipv4 !== undefined
    const routed6 = options.gatewayMode6 === "routed" && endpoint.ipv6 !== undefined
    const wanted = reachable(bindings, options.hostBinding ?? "", endpoint)
    const isRouted = ({ hostIp }: { hostIp: string }) => (hostIp.includes(":") ? routed6 : routed4)
    const held = wanted.flatMap((each): PortBinding[] => {
      if (each.hostIp !== "") return isRouted(each) ? [] : [each]
      if (routed4 && routed6) return []
      return [routed4 ? { ...each, hostIp: "::" } : routed6 ? { ...each, hostIp: "0.0.0.0" } : each]
    })
    const bound = this.#publisher.take(containerName, endpoint.id, held)
    const direct = wanted.flatMap(({ protocol, containerPort, hostIp }): BoundPort[] =>
      ["0.0.0.0", "::"]
        .filter(
          (every) => isRouted({ hostIp: every }) && (hostIp === "" || hostIp.includes(":") === every.includes(":")),
        )
        .map((every) => ({ protocol, containerPort, hostIp: every, hostPort: 0 })),
    )
    // As Docker lists them: IPv4 first.
    const six = ({ hostIp }: BoundPort) => Number(hostIp.includes(":"))
    return direct.length === 0 ? bound : [...bound, ...direct].sort((one, other) => six(one) - six(other))
  }
}
