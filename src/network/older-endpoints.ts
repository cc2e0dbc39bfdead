import type { BoundPort, Records, Sandbox } from "./contract.ts"
import { defaultNetworkId } from "./default-network.ts"

/** What daemons kept that knew the default bridge alone: one record per container in it. */
export interface OlderEndpoint {
  readonly id: string
  readonly containerId: string
  readonly containerName: string
  readonly netnsPath: string
  readonly hostInterface: string
  readonly containerInterface: string
  readonly macAddress: string
  readonly ipv4: string
  readonly prefixLength: number
  readonly gateway: string
  readonly ports: readonly BoundPort[]
}

/** Turns the records of such a daemon into sandboxes: its containers run on, and keep addresses and ports. */
export function takeOverEndpoints(older: Records<OlderEndpoint>, sandboxes: Records<Sandbox>): void {
  for (const [key, endpoint] of older.all()) {
    sandboxes.put(endpoint.containerId, sandboxOf(endpoint))
    older.delete(key)
  }
}

function sandboxOf(older: OlderEndpoint): Sandbox {
  return {
    containerId: older.containerId,
    containerName: older.containerName,
    path: older.netnsPath,
    endpoints: [
      {
        id: older.id,
        networkId: defaultNetworkId,
        network: "bridge",
        hostInterface: older.hostInterface,
        containerInterface: older.containerInterface,
        macAddress: older.macAddress,
        ipv4: { address: older.ipv4, prefixLength: older.prefixLength, gateway: older.gateway },
        names: [],
        links: {},
        gatewayPriority: 0,
        bornWithoutIpv6: true,
      },
    ],
    bindings: older.ports.map(({ protocol, containerPort, hostIp, hostPort }) => ({
      protocol,
      containerPort,
      hostIp: hostIp === "0.0.0.0" ? "" : hostIp,
      hostPort,
    })),
    ports: older.ports,
    nameservers: [],
  }
}
