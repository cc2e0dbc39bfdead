import { addressOf, formatAddress } from "../std/ip.ts"
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

/** The ports of a sandbox as the network wants them that they lead to. */
interface WantedPorts {
  /** With a side on the host. */
  readonly held: readonly PortBinding[]
  /** At the container's own address, of a family that is routed. */
  readonly direct: readonly BoundPort[]
}

/** Which ports a container has on the host, and which of its networks they lead to. */
export class Publishing {
  readonly #publisher: Publisher
  readonly #networks: ReadonlyMap<string, LocalNetwork>

  constructor(publisher: Publisher, networks: ReadonlyMap<string, LocalNetwork>) {
    this.#publisher = publisher
    this.#networks = networks
  }

  /**
   * Gives a sandbox the ports that it wants, if one of its networks leads them in. Ports that it has stay, with their numbers, as long as the
   * network that they lead to wants them so. @throws see {@link Publisher.take}; the ports are as before then
   */
  publish(sandbox: Sandbox): Sandbox {
    const publisher = this.#publisher
    const endpoint = this.#endpoint(sandbox)
    const { containerName, ports } = sandbox
    if (!endpoint) {
      publisher.shut(sandbox.containerId)
      publisher.release(containerName, ports)
      return ports.length === 0 ? sandbox : { ...sandbox, ports: [] }
    }
    const wanted = this.#wanted(sandbox, endpoint)
    if (fits(ports, wanted)) {
      this.lead(sandbox, false)
      return sandbox
    }
    publisher.release(containerName, ports)
    try {
      return this.#publishAnew(sandbox, endpoint, wanted)
    } catch (error) {
      publisher.restore(containerName, ports)
      throw error
    }
  }

  #publishAnew(sandbox: Sandbox, endpoint: Endpoint, { held, direct }: WantedPorts): Sandbox {
    const publisher = this.#publisher
    const bound = publisher.take(sandbox.containerName, endpoint.id, held)
    // As Docker lists them: IPv4 first.
    const ports = direct.length === 0 ? bound : [...bound, ...direct].sort((one, other) => six(one) - six(other))
    const next = { ...sandbox, ports }
    try {
      this.lead(next, true)
      return next
    } catch (error) {
      publisher.release(sandbox.containerName, ports)
      throw error
    }
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

  #wanted({ bindings }: Sandbox, endpoint: Endpoint): WantedPorts {
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
    const direct = wanted.flatMap(({ protocol, containerPort, hostIp }): BoundPort[] =>
      everywhere
        .filter(
          (every) => isRouted({ hostIp: every }) && (hostIp === "" || hostIp.includes(":") === every.includes(":")),
        )
        .map((every) => ({ protocol, containerPort, hostIp: every, hostPort: 0 })),
    )
    return { held, direct }
  }
}

/** Every address of IPv4, and of IPv6. */
const everywhere = ["0.0.0.0", "::"]

const six = ({ hostIp }: { hostIp: string }): number => Number(hostIp.includes(":"))

/** Whether ports are published as they shall be. A host without IPv6 publishes nothing at `::`. */
function fits(ports: readonly BoundPort[], { held, direct }: WantedPorts): boolean {
  if (ports.length === 0) return held.length + direct.length === 0
  const keyOf = ({ protocol, containerPort, hostIp }: Omit<BoundPort, "hostPort">, isDirect: boolean) => {
    const address = addressOf(hostIp)
    return `${protocol} ${containerPort} ${address ? formatAddress(address) : hostIp} ${isDirect ? "direct" : "held"}`
  }
  const placed = held.flatMap((each) => (each.hostIp ? [each] : everywhere.map((hostIp) => ({ ...each, hostIp }))))
  const wanted = new Set([...placed.map((each) => keyOf(each, false)), ...direct.map((each) => keyOf(each, true))])
  const present = new Set(ports.map((each) => keyOf(each, each.hostPort === 0)))
  const missing = [...wanted].filter((key) => !present.has(key) && !key.endsWith(" :: held"))
  return missing.length === 0 && [...present].every((key) => wanted.has(key))
}
