import type { EndpointSettings } from "../../../api/network.ts"
import { Failure, kindOf, messageOf } from "../../../errors/failure.ts"
import type { Endpoint, PeerPorts, PortBinding } from "../../../network/contract.ts"
import { newId, shortId } from "../../../std/id.ts"
import type { Span } from "../../../trace/span.ts"
import type { NetworkDocument } from "../../networks/catalog.ts"
import { checkEndpoint, endpointRequest, namesOf } from "./endpoint.ts"
import type { ContainerContext } from "../context.ts"
import type { Container } from "../record/container.ts"
import type { ConnectedNetwork, ConnectedSandbox } from "../record/document.ts"
import { noSettings } from "../record/endpoint-settings.ts"
import type { ContainerRegistry } from "../record/registry.ts"
import { linksOf } from "./links.ts"
import { joinedRef } from "./namespace-owners.ts"

/** Joins a container that is about to start to its networks. @throws in Docker's words */
export async function connectNetworks(context: ContainerContext, container: Container, span: Span): Promise<void> {
  const joined = joinedRef(container.document.hostConfig.NetworkMode)
  if (joined !== undefined) return await joinContainer(context, container, joined, span)
  try {
    await joinNetworks(context, container, span)
  } catch (error) {
    throw new Failure(kindOf(error), `failed to set up container networking: ${messageOf(error)}`, error)
  }
}

async function joinContainer(context: ContainerContext, container: Container, ref: string, span: Span): Promise<void> {
  const other = context.registry.resolve(ref)
  if (other.id === container.id) throw new Failure("internal", "cannot join own network namespace")
  if (!other.running)
    throw new Failure(
      "conflict",
      `cannot join network namespace of a non running container: container ${other.name} is ${other.state.status}`,
    )
  // Who shares a network is known in it by the same name.
  const { Hostname, Domainname } = other.document.config
  container.document.config = { ...container.document.config, Hostname, Domainname }
  span.set({ mode: "container", container: shortId(other.id), netns: `/proc/${other.state.pid}/ns/net` })
}

async function joinNetworks(context: ContainerContext, container: Container, span: Span): Promise<void> {
  const { networks, networking, registry } = context
  const { hostConfig, config } = container.document
  // Without a default bridge its containers have no network, as in Docker.
  const disabled = config.NetworkDisabled || (hostConfig.NetworkMode === "bridge" && !networking.defaultNetwork)
  const entries = disabled ? [] : wishes(context, container)
  const real = entries.filter(({ network }) => network.driver !== "host" && network.driver !== "null")
  const alone = real.length === 0 && entries[0]?.network.driver === "null"
  if (real.length > 0 || alone) {
    for (const { network, settings } of real) checkEndpoint(network, settings)
    await networking.join(
      {
        containerId: container.id,
        containerName: container.name,
        endpoints: real.map(({ network, settings }) => endpointRequest(registry, container, network, settings)),
        ports: portsOf(container),
        nameservers: hostConfig.Dns?.length ? hostConfig.Dns : context.defaults.dns.servers,
        peers: linkedPorts(registry, container),
      },
      span,
    )
    takeSandbox(context, container)
    for (const { network, settings } of alone ? entries : real) connectedNetwork(container, network, settings)
  } else {
    const network = entries[0]?.network ?? networks.resolve(disabled ? "none" : hostConfig.NetworkMode)
    container.state.sandbox = nominalSandbox(network)
    if (!disabled) connectedNetwork(container, network, entries[0]?.settings ?? noSettings)
    span.set({ mode: network.name })
  }
  for (const { networkId } of Object.values(container.state.sandbox?.networks ?? {})) {
    const network = networks.get(networkId)
    if (network) publishNetwork(context, container, network, "connect")
  }
}

/** What is told of a container in the host's network or in none: names, but nothing that exists. */
const nominalSandbox = (network: NetworkDocument): ConnectedSandbox => ({
  id: newId(),
  path: "",
  ports: [],
  networks: { [network.name]: { networkId: network.id, endpointId: newId(), macAddress: "", names: [] } },
})

/** Gives a running container the sandbox that it was started with, when the daemon was killed before it was recorded. */
export function recoverSandbox(context: ContainerContext, container: Container): void {
  const { NetworkMode } = container.document.hostConfig
  if (container.state.sandbox || joinedRef(NetworkMode) !== undefined) return
  takeSandbox(context, container)
  const network = context.networks.find(container.document.config.NetworkDisabled ? "none" : NetworkMode)
  if (!container.state.sandbox && network) container.state.sandbox = nominalSandbox(network)
}

interface Wish {
  readonly network: NetworkDocument
  readonly settings: EndpointSettings
}

/** The networks of a container in the order of its interfaces: the one of its network mode first. */
function wishes({ networks }: ContainerContext, container: Container): readonly Wish[] {
  const { hostConfig, networking: asked } = container.document
  const first = networks.find(hostConfig.NetworkMode)
  const found = Object.entries(asked.EndpointsConfig ?? {}).map(([name, settings]) => ({
    network: networks.resolve(settings?.NetworkID && networks.get(settings.NetworkID) ? settings.NetworkID : name),
    settings: settings ?? noSettings,
  }))
  const rank = ({ network }: Wish) => (network.id === first?.id ? 0 : 1)
  return found.sort((one, other) => rank(one) - rank(other))
}

/** Takes over what the mechanism says of a container's sandbox. */
export function takeSandbox(context: ContainerContext, container: Container): void {
  const sandbox = context.networking.sandbox(container.id)
  if (!sandbox) return
  container.state.sandbox = {
    id: container.state.sandbox?.id ?? newId(),
    path: sandbox.path,
    ports: sandbox.ports,
    networks: {
      ...aloneIn(context, container),
      ...Object.fromEntries(sandbox.endpoints.map((endpoint) => [endpoint.network, connected(endpoint)])),
    },
  }
}

/** The network of those who are in none, when the container is: there is nothing of it in the kernel. */
function aloneIn({ networks }: ContainerContext, container: Container): ConnectedSandbox["networks"] {
  const [name = ""] = Object.keys(container.document.networking.EndpointsConfig ?? {})
  const network = networks.byName(name)
  if (network?.driver !== "null") return {}
  const known = container.state.sandbox?.networks[name]
  return known ? { [name]: known } : nominalSandbox(network).networks
}

const connected = (endpoint: Endpoint): ConnectedNetwork => ({
  networkId: endpoint.networkId,
  endpointId: endpoint.id,
  macAddress: endpoint.macAddress,
  ...(endpoint.ipv4 ? { ipv4: endpoint.ipv4 } : {}),
  ...(endpoint.ipv6 ? { ipv6: endpoint.ipv6 } : {}),
  names: endpoint.names,
})

/** Keeps how a container is in a network, by the network's name, with what stays true when it stops. */
export function connectedNetwork(container: Container, network: NetworkDocument, settings: EndpointSettings): void {
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

/** The container has another name: its networks call it so from now on. */
export function renameInNetworks(context: ContainerContext, container: Container): void {
  const { networking, networks } = context
  for (const [name, settings] of Object.entries(container.document.networking.EndpointsConfig ?? {})) {
    const network = networks.byName(name)
    if (!settings?.DNSNames || !network) continue
    const names = namesOf(container, settings)
    networking.rename(container.id, network.id, names)
    takeSandbox(context, container)
    const renamed = { ...settings, DNSNames: names }
    container.document.networking = {
      EndpointsConfig: { ...container.document.networking.EndpointsConfig, [name]: renamed },
    }
  }
}

/** Tells that a container came into a network or left it. */
export function publishNetwork(
  context: ContainerContext,
  container: Container,
  network: NetworkDocument,
  action: "connect" | "disconnect",
): void {
  context.events.publish({
    Type: "network",
    Action: action,
    Actor: {
      ID: network.id,
      Attributes: { container: container.id, name: network.name, type: network.driver },
    },
  })
}

/** What is to be published: the bindings asked for, and with `-P` every other exposed port on an ephemeral one. */
export function portsOf(container: Container): PortBinding[] {
  const { hostConfig, config } = container.document
  const ports: PortBinding[] = []
  const bindings = hostConfig.PortBindings ?? {}
  for (const [key, list] of Object.entries(bindings)) {
    const { port, protocol } = parsePort(key)
    for (const binding of list && list.length > 0 ? list : [{ HostIp: "", HostPort: "" }]) {
      const range = /^(\d*)(?:-(\d+))?$/.exec(binding.HostPort ?? "")
      if (!range) throw new Failure("invalidArgument", `invalid port specification: "${binding.HostPort}"`)
      ports.push({
        protocol,
        containerPort: port,
        hostIp: binding.HostIp ?? "",
        hostPort: Number(range[1] || 0),
        ...(range[2] ? { hostPortEnd: Number(range[2]) } : {}),
      })
    }
  }
  if (hostConfig.PublishAllPorts) {
    const named = new Set(ports.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`))
    for (const key of Object.keys(config.ExposedPorts ?? {})) {
      const { port, protocol } = parsePort(key)
      if (named.has(`${port}/${protocol}`)) continue
      ports.push({ protocol, containerPort: port, hostIp: "", hostPort: 0 })
    }
  }
  return ports
}

/** What links open where containers are kept apart: the exposed and the published ports of those that it is linked to. */
export const linkedPorts = (registry: ContainerRegistry, container: Container): readonly PeerPorts[] =>
  linksOf(registry, container).map(({ container: { id, document } }) => ({
    containerId: id,
    ports: Object.keys({ ...document.config.ExposedPorts, ...document.hostConfig.PortBindings }).map(parsePort),
  }))

/** @throws invalidArgument for what is not `PORT[/PROTOCOL]` */
export function parsePort(key: string): { port: number; protocol: "tcp" | "udp" | "sctp" } {
  const match = /^(\d+)(?:\/(tcp|udp|sctp))?$/i.exec(key)
  const port = Number(match?.[1])
  if (!match || port < 1 || port > 65535) throw new Failure("invalidArgument", `invalid port specification: "${key}"`)
  return { port, protocol: (match[2]?.toLowerCase() ?? "tcp") as "tcp" | "udp" | "sctp" }
}
