import type { EndpointSettings } from "../../../api/network.ts"
import { messageOf } from "../../../errors/failure.ts"
import type { Endpoint } from "../../../network/contract.ts"
import { newId } from "../../../std/id.ts"
import type { NetworkDocument } from "../../networks/catalog.ts"
import type { Container } from "../record/container.ts"
import type { ConnectedNetwork, ConnectedSandbox } from "../record/document.ts"
import type { ContainerNetworksNeeds } from "./contract.ts"
import { namesOf } from "./endpoint.ts"
import { joinedRef } from "./namespace-owners.ts"

type SandboxNeeds = Pick<ContainerNetworksNeeds, "networking" | "networks">

/** The record of a container in the host's network or in network `none`, for which the kernel has no object. */
export const nominalSandbox = (network: NetworkDocument): ConnectedSandbox => ({
  id: newId(),
  path: "",
  ports: [],
  networks: { [network.name]: { networkId: network.id, endpointId: newId(), macAddress: "", names: [] } },
})

/** Carries out `ContainerNetworks.recover`. */
export function recoverSandbox(needs: SandboxNeeds, container: Container): void {
  const { NetworkMode } = container.document.hostConfig
  if (container.state.sandbox || joinedRef(NetworkMode) !== undefined) return
  takeSandbox(needs, container)
  const network = needs.networks.find(container.document.config.NetworkDisabled ? "none" : NetworkMode)
  if (!container.state.sandbox && network) container.state.sandbox = nominalSandbox(network)
}

/** Copies the sandbox as `Networking` has it into a container's state. */
export function takeSandbox(needs: SandboxNeeds, container: Container): void {
  const sandbox = needs.networking.sandbox(container.id)
  if (!sandbox) return
  container.state.sandbox = {
    id: container.state.sandbox?.id ?? newId(),
    path: sandbox.path,
    ports: sandbox.ports,
    networks: {
      ...noneNetwork(needs, container),
      ...Object.fromEntries(sandbox.endpoints.map((endpoint) => [endpoint.network, connectedNetwork(endpoint)])),
    },
  }
}

/** Network `none`, when the container is in it: it has no kernel object, only the record names it. */
function noneNetwork({ networks }: SandboxNeeds, container: Container): ConnectedSandbox["networks"] {
  const [name = ""] = Object.keys(container.document.networking.EndpointsConfig ?? {})
  const network = networks.byName(name)
  if (network?.driver !== "null") return {}
  const known = container.state.sandbox?.networks[name]
  return known ? { [name]: known } : nominalSandbox(network).networks
}

const connectedNetwork = (endpoint: Endpoint): ConnectedNetwork => ({
  networkId: endpoint.networkId,
  endpointId: endpoint.id,
  macAddress: endpoint.macAddress,
  ...(endpoint.ipv4 ? { ipv4: endpoint.ipv4 } : {}),
  ...(endpoint.ipv6 ? { ipv6: endpoint.ipv6 } : {}),
  names: endpoint.names,
})

/** Records a container's endpoint by the network's name, with the settings and addresses that it keeps when it stops. */
export function recordEndpoint(container: Container, network: NetworkDocument, settings: EndpointSettings): void {
  const endpoints = { ...container.document.networking.EndpointsConfig }
  for (const [name, each] of Object.entries(endpoints))
    if (each?.NetworkID === network.id || (name !== network.name && name !== "" && network.id.startsWith(name)))
      delete endpoints[name]
  const { names = [], ipv4, ipv6 } = container.state.sandbox?.networks[network.name] ?? {}
  endpoints[network.name] = {
    ...settings,
    NetworkID: network.id,
    IPAddress: ipv4?.address ?? "",
    GlobalIPv6Address: ipv6?.address ?? "",
    DNSNames: names.length > 0 ? names : null,
  }
  container.document.networking = { EndpointsConfig: endpoints }
}

/** Carries out `ContainerNetworks.renamed`. */
export function renameInNetworks(needs: SandboxNeeds, container: Container): void {
  const { networking, networks } = needs
  for (const [name, settings] of Object.entries(container.document.networking.EndpointsConfig ?? {})) {
    const network = networks.byName(name)
    if (!settings?.DNSNames || !network) continue
    const names = namesOf(container, settings)
    networking.rename(container.id, network.id, names)
    takeSandbox(needs, container)
    const renamed = { ...settings, DNSNames: names }
    container.document.networking = {
      EndpointsConfig: { ...container.document.networking.EndpointsConfig, [name]: renamed },
    }
  }
}

/** Publishes that a container was connected to a network or disconnected from it. */
export function publishNetwork(
  needs: Pick<ContainerNetworksNeeds, "events">,
  container: Container,
  network: NetworkDocument,
  action: "connect" | "disconnect",
): void {
  needs.events.publish({
    Type: "network",
    Action: action,
    Actor: {
      ID: network.id,
      Attributes: { container: container.id, name: network.name, type: network.driver },
    },
  })
}

/** Carries out `ContainerNetworks.leave`. */
export async function leaveNetworks(
  needs: Pick<ContainerNetworksNeeds, "sandboxes" | "networks" | "events" | "background" | "log">,
  container: Container,
): Promise<void> {
  const { id } = container
  // Also without a recorded sandbox: a crash may have come between joining and recording.
  const released = needs.sandboxes.remove(needs.background("leave"), id).catch((error) => {
    needs.log.error("leaving a container's networks failed", { container: id, error: messageOf(error) })
  })
  const { sandbox } = container.state
  delete container.state.sandbox
  for (const { networkId } of Object.values(sandbox?.networks ?? {})) {
    const network = needs.networks.get(networkId)
    if (network) publishNetwork(needs, container, network, "disconnect")
  }
  await released
}
