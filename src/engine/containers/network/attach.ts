import { type NetworkConnectRequest, type NetworkDisconnectRequest, noSettings } from "../../../api/network.ts"
import type { Scope } from "../../../core/scope.ts"
import { Failure } from "../../../errors/failure.ts"
import type { NetworkDocument } from "../../networks/catalog.ts"
import type { Container } from "../record/container.ts"
import { requestedSettings } from "../record/endpoint-settings.ts"
import type { ContainerNetworksNeeds } from "./contract.ts"
import { checkEndpoint, endpointRequest } from "./endpoint.ts"
import { rewriteNetworkFiles } from "./files.ts"
import { joinedRef } from "./namespace-owners.ts"
import { publishNetwork, recordEndpoint, takeSandbox } from "./sandbox.ts"

type AttachNeeds = Pick<
  ContainerNetworksNeeds,
  "registry" | "networking" | "networks" | "events" | "defaults" | "containersRoot" | "log"
>

/** Carries out `ContainerNetworks.attach`. */
export async function attachContainer(
  needs: AttachNeeds,
  scope: Scope,
  ref: string,
  request: NetworkConnectRequest,
): Promise<void> {
  const { networks, networking, registry } = needs
  const container = registry.resolve(request.Container)
  await registry.locked(container.id, async () => {
    refuseRemoved(container)
    if (joinedRef(container.document.hostConfig.NetworkMode) !== undefined) throw shared()
    const network = networks.resolve(ref)
    if (network.configOnly)
      throw new Failure("permissionDenied", "cannot create endpoint on configuration-only network")
    const settings = requestedSettings(request.EndpointConfig ?? noSettings)
    checkEndpoint(network, settings)
    const joined = !checkTogether(needs, container, network)
    if (joined && !container.running) return
    // Network `none` has no kernel object; only the record changes.
    const nominal = network.driver === "null"
    if (joined && nominal)
      throw new Failure(
        "permissionDenied",
        `endpoint with name ${container.name} already exists in network ${network.name}`,
      )
    if (!container.running || nominal) {
      const endpoints = { ...container.document.networking.EndpointsConfig, [network.name]: settings }
      container.document.networking = { EndpointsConfig: endpoints }
    }
    if (container.running) {
      const asked = endpointRequest(registry, container, network, settings)
      if (!nominal) await networking.connect(container.id, asked, scope.span)
      takeSandbox(needs, container)
      recordEndpoint(container, network, settings)
      await rewriteNetworkFiles(needs, container)
      publishNetwork(needs, container, network, "connect")
    }
    await registry.save(scope, container)
  })
}

/** Whether the container is not in the network yet. @throws invalidArgument for networks that do not go together */
function checkTogether(needs: AttachNeeds, container: Container, network: NetworkDocument): boolean {
  const { document } = container
  if (document.hostConfig.NetworkMode !== "host" && network.driver === "host")
    throw new Failure(
      "invalidArgument",
      "cannot connect container to host network - container must be created in host network mode",
    )
  for (const name of Object.keys(document.networking.EndpointsConfig ?? {})) {
    if (name === network.name) return false
    const other = needs.networks.byName(name)
    if (other?.driver === "host" || network.driver === "host") throw shared()
    if (other?.driver === "null" || network.driver === "null")
      throw new Failure(
        "invalidArgument",
        "container cannot be connected to multiple networks with one of the networks in private (none) mode",
      )
  }
  return true
}

const shared = (): Failure =>
  new Failure(
    "invalidArgument",
    "container sharing network namespace with another container or host cannot be connected to any other network",
  )

/** Carries out `ContainerNetworks.detach`. */
export async function detachContainer(
  needs: AttachNeeds,
  scope: Scope,
  ref: string,
  request: NetworkDisconnectRequest,
): Promise<void> {
  const { networks, networking, registry } = needs
  const container = registry.resolve(request.Container)
  await registry.locked(container.id, async () => {
    const network = request.Force ? networks.find(ref) : container.running ? networks.resolve(ref) : networks.find(ref)
    refuseRemoved(container)
    const name = network?.name ?? ref
    const endpoints = { ...container.document.networking.EndpointsConfig }
    const joined = name in endpoints
    if (container.running && network) {
      if (container.document.hostConfig.NetworkMode === "host" && network.driver === "host")
        throw new Failure(
          "invalidArgument",
          "cannot disconnect container from host network - container was created in host network mode",
        )
      if (!joined) throw new Failure("internal", `container ${container.id} is not connected to network ${name}`)
      await networking.disconnect(container.id, network.id)
    } else if (!joined)
      throw new Failure("internal", `container ${container.id} is not connected to the network ${name}`)
    delete endpoints[name]
    container.document.networking = { EndpointsConfig: endpoints }
    if (container.running && network) {
      takeSandbox(needs, container)
      await rewriteNetworkFiles(needs, container)
      publishNetwork(needs, container, network, "disconnect")
    }
    await registry.save(scope, container)
  })
}

function refuseRemoved(container: Container): void {
  if (container.removed || container.state.status === "dead")
    throw new Failure(
      "conflict",
      `container ${container.id} is marked for removal and cannot be connected or disconnected to the network`,
    )
}
