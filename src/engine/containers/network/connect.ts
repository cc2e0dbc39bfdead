import { type EndpointSettings, noSettings } from "../../../api/network.ts"
import type { SandboxRequest } from "../../../core/sandboxes/contract.ts"
import { Failure, kindOf, messageOf } from "../../../errors/failure.ts"
import { shortId } from "../../../std/id.ts"
import type { Span } from "../../../trace/span.ts"
import type { NetworkDocument } from "../../networks/catalog.ts"
import type { Container } from "../record/container.ts"
import type { ContainerNetworksNeeds } from "./contract.ts"
import { checkEndpoint, endpointRequest } from "./endpoint.ts"
import { joinedRef } from "./namespace-owners.ts"
import { linkedPorts, portsOf } from "./ports.ts"
import { nominalSandbox, publishNetwork, recordEndpoint, takeSandbox } from "./sandbox.ts"

type ConnectNeeds = Pick<
  ContainerNetworksNeeds,
  "registry" | "networking" | "networks" | "sandboxes" | "events" | "defaults" | "background"
>

/** Carries out `ContainerNetworks.connect`. */
export async function connectNetworks(needs: ConnectNeeds, container: Container, span: Span): Promise<void> {
  const joined = joinedRef(container.document.hostConfig.NetworkMode)
  if (joined !== undefined) {
    joinContainer(needs, container, joined, span)
    return await makeSandbox(needs, container, span)
  }
  try {
    await joinNetworks(needs, container, span)
  } catch (error) {
    throw new Failure(kindOf(error), `failed to set up container networking: ${messageOf(error)}`, error)
  }
}

function joinContainer(needs: ConnectNeeds, container: Container, ref: string, span: Span): void {
  const other = needs.registry.resolve(ref)
  if (other.id === container.id) throw new Failure("internal", "cannot join own network namespace")
  if (!other.running)
    throw new Failure(
      "conflict",
      `cannot join network namespace of a non running container: container ${other.name} is ${other.state.status}`,
    )
  // Both have one network namespace, and are found in it by one name.
  const { Hostname, Domainname } = other.document.config
  container.document.config = { ...container.document.config, Hostname, Domainname }
  span.set({ mode: "container", container: shortId(other.id), netns: `/proc/${other.state.pid}/ns/net` })
}

async function joinNetworks(needs: ConnectNeeds, container: Container, span: Span): Promise<void> {
  const { networks, networking, registry } = needs
  const { hostConfig, config } = container.document
  // Without a default bridge its containers have no network, as in Docker.
  const disabled = config.NetworkDisabled || (hostConfig.NetworkMode === "bridge" && !networking.defaultNetwork)
  const entries = disabled ? [] : requestedEndpoints(needs, container)
  const real = entries.filter(({ network }) => network.driver !== "host" && network.driver !== "null")
  const alone = real.length === 0 && entries[0]?.network.driver === "null"
  if (real.length > 0 || alone) {
    for (const { network, settings } of real) checkEndpoint(network, settings)
    await makeSandbox(needs, container, span, {
      endpoints: real.map(({ network, settings }) => endpointRequest(registry, container, network, settings)),
      ports: portsOf(container),
      nameservers: hostConfig.Dns?.length ? hostConfig.Dns : needs.defaults.dns.servers,
      peers: linkedPorts(registry, container),
    })
    takeSandbox(needs, container)
    for (const { network, settings } of alone ? entries : real) recordEndpoint(container, network, settings)
  } else {
    await makeSandbox(needs, container, span)
    const network = entries[0]?.network ?? networks.resolve(disabled ? "none" : hostConfig.NetworkMode)
    container.state.sandbox = nominalSandbox(network)
    if (!disabled) recordEndpoint(container, network, entries[0]?.settings ?? noSettings)
    span.set({ mode: network.name })
  }
  for (const { networkId } of Object.values(container.state.sandbox?.networks ?? {})) {
    const network = networks.get(networkId)
    if (network) publishNetwork(needs, container, network, "connect")
  }
}

/** Makes the parts of a container that others may join: its network and, with IPC mode `shareable`, its /dev/shm. */
async function makeSandbox(
  { sandboxes, background }: ConnectNeeds,
  { id, name, document: { hostConfig } }: Container,
  span: Span,
  network?: SandboxRequest["network"],
): Promise<void> {
  const isShareable = hostConfig.IpcMode === "shareable"
  if (!network && !isShareable) return
  await sandboxes.create(
    { ...background("connect"), span },
    {
      id,
      owner: "engine",
      name,
      ...(network ? { network } : {}),
      ...(isShareable ? { sharedMemory: Number(hostConfig.ShmSize) } : {}),
    },
  )
}

/** A network that a container is configured for, with its settings there. */
interface RequestedEndpoint {
  readonly network: NetworkDocument
  readonly settings: EndpointSettings
}

/** The networks of a container in the order of its interfaces: the one of its network mode first. */
function requestedEndpoints({ networks }: ConnectNeeds, container: Container): readonly RequestedEndpoint[] {
  const { hostConfig, networking: requested } = container.document
  const first = networks.find(hostConfig.NetworkMode)
  const found = Object.entries(requested.EndpointsConfig ?? {}).map(([name, settings]) => ({
    network: networks.resolve(settings?.NetworkID && networks.get(settings.NetworkID) ? settings.NetworkID : name),
    settings: settings ?? noSettings,
  }))
  const rank = ({ network }: RequestedEndpoint) => (network.id === first?.id ? 0 : 1)
  return found.sort((one, other) => rank(one) - rank(other))
}
