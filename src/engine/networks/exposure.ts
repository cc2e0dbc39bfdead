import type { ExposedPort } from "../../api/exposure.ts"
import type { BoundPort, Networking } from "../../network/contract.ts"
import type { ContainerRegistry } from "../containers/record/registry.ts"

/** Every port of this host that leads to a container, runs of neighbouring ports as one; sorted by port. */
export function exposedPorts({
  networking,
  registry,
}: {
  readonly networking: Networking
  readonly registry: Pick<ContainerRegistry, "get">
}): readonly ExposedPort[] {
  const firewall = firewallOf(networking)
  const rows = networking.sandboxes().flatMap(({ containerId, containerName, endpoints, ports }) => {
    const network = endpoints.find(({ networkId }) => networking.network(networkId)?.driver === "bridge")?.network ?? ""
    return ports
      .filter(({ hostPort }) => hostPort > 0)
      .map(
        (port): ExposedPort => ({
          Container: registry.get(containerId)?.name ?? containerName,
          Id: containerId,
          Network: network,
          Protocol: port.protocol,
          HostIp: port.hostIp,
          HostPort: port.hostPort,
          HostPortEnd: port.hostPort,
          ContainerPort: port.containerPort,
          Reach: reachOf(port),
          ...firewall(port),
        }),
      )
  })
  return merged(rows)
}

/** What stands in the way of a port's packets: other programs' forward chains, of the port's family of addresses. */
function firewallOf({ respectsHostFirewall, forwardDrops, forwardExceptions }: Networking) {
  return ({ hostIp }: BoundPort): Pick<ExposedPort, "Firewall" | "Chain"> => {
    if (respectsHostFirewall) return { Firewall: "input" }
    const concerns = (chain: string) => chain.startsWith("inet ") || chain.startsWith("ip6") === hostIp.includes(":")
    const [drops, excepted] = [forwardDrops.find(concerns), forwardExceptions.find(concerns)]
    if (drops) return { Firewall: "dropped", Chain: drops }
    return excepted ? { Firewall: "excepted", Chain: excepted } : { Firewall: "bypassed" }
  }
}

function reachOf({ hostIp }: BoundPort): ExposedPort["Reach"] {
  if (hostIp.startsWith("127.") || hostIp === "::1") return "host"
  return hostIp === "0.0.0.0" || hostIp === "::" ? "everyone" : "address"
}

function merged(rows: readonly ExposedPort[]): readonly ExposedPort[] {
  const order = (row: ExposedPort) => `${row.Id} ${row.Protocol} ${row.HostIp}`
  const sorted = [...rows].sort((a, b) =>
    order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : a.HostPort - b.HostPort,
  )
  const found: ExposedPort[] = []
  for (const row of sorted) {
    const last = found.at(-1)
    const next =
      last &&
      order(last) === order(row) &&
      last.HostPortEnd + 1 === row.HostPort &&
      row.ContainerPort - last.ContainerPort === row.HostPort - last.HostPort
    if (next) found[found.length - 1] = { ...last, HostPortEnd: row.HostPort }
    else found.push(row)
  }
  return found.sort((a, b) => a.HostPort - b.HostPort || (a.HostIp < b.HostIp ? -1 : 1))
}
