import { Failure } from "../../errors/failure.ts"
import type { PortBinding } from "../../network/contract.ts"
import { newId, shortId } from "../../std/id.ts"
import type { Span } from "../../trace/span.ts"
import type { Container } from "./container.ts"
import type { ContainerContext } from "./context.ts"
import { networkIdOf } from "./exit.ts"

/** Joins a container that is about to start to its network. */
export async function connectNetwork(context: ContainerContext, container: Container, span: Span): Promise<void> {
  const { hostConfig, config } = container.document
  const mode = hostConfig.NetworkMode
  if (mode.startsWith("container:")) {
    const other = context.registry.resolve(mode.slice("container:".length))
    if (other.id === container.id) throw new Failure("conflict", "cannot join own network")
    if (!other.running) {
      throw new Failure("conflict", `cannot join network of a non running container: ${other.id}`)
    }
    span.set({ mode: "container", container: shortId(other.id), netns: `/proc/${other.state.pid}/ns/net` })
    return
  }
  if (mode === "bridge" && !config.NetworkDisabled) {
    if (!context.network) {
      throw new Failure("unavailable", "the daemon runs without a bridge (--bridge none): use --network none or host")
    }
    const endpoint = await context.network.connect(
      container.id,
      { containerName: container.name, ports: portsOf(container, context.defaults.hostIp), ...macOf(container) },
      span,
    )
    container.state.network = {
      name: "bridge",
      endpointId: endpoint.id,
      netnsPath: endpoint.netnsPath,
      address: endpoint.ipv4,
      prefixLength: endpoint.prefixLength,
      gateway: endpoint.gateway,
      macAddress: endpoint.macAddress,
      ports: endpoint.ports,
    }
    span.set({ mode, address: endpoint.ipv4, netns: endpoint.netnsPath, interface: endpoint.hostInterface })
  } else if (mode === "host" || mode === "none" || config.NetworkDisabled) {
    container.state.network = {
      name: mode,
      endpointId: newId(),
      netnsPath: "",
      address: "",
      prefixLength: 0,
      gateway: "",
      macAddress: "",
      ports: [],
    }
    span.set({ mode })
  } else throw new Failure("notFound", `network ${mode} not found`)
  context.events.publish({
    Type: "network",
    Action: "connect",
    Actor: {
      ID: networkIdOf(mode),
      Attributes: { container: container.id, name: mode, type: mode === "none" ? "null" : mode },
    },
  })
}

function macOf(container: Container): { macAddress?: string } {
  const asked =
    container.document.networking.EndpointsConfig?.["bridge"]?.MacAddress || container.document.config.MacAddress
  return asked ? { macAddress: asked } : {}
}

/** What is to be published: the bindings asked for, and with `-P` every other exposed port on an ephemeral one. */
export function portsOf(container: Container, defaultHostIp: string): PortBinding[] {
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
        hostIp: binding.HostIp || defaultHostIp,
        hostPort: Number(range[1] || 0),
        ...(range[2] ? { hostPortEnd: Number(range[2]) } : {}),
      })
    }
  }
  if (hostConfig.PublishAllPorts) {
    for (const key of Object.keys(config.ExposedPorts ?? {})) {
      const { port, protocol } = parsePort(key)
      if (ports.some((each) => each.containerPort === port && each.protocol === protocol)) continue
      ports.push({ protocol, containerPort: port, hostIp: defaultHostIp, hostPort: 0 })
    }
  }
  return ports
}

/** @throws invalidArgument for what is not `PORT[/PROTOCOL]` */
export function parsePort(key: string): { port: number; protocol: "tcp" | "udp" | "sctp" } {
  const match = /^(\d+)(?:\/(tcp|udp|sctp))?$/i.exec(key)
  const port = Number(match?.[1])
  if (!match || port < 1 || port > 65535) throw new Failure("invalidArgument", `invalid port specification: "${key}"`)
  return { port, protocol: (match[2]?.toLowerCase() ?? "tcp") as "tcp" | "udp" | "sctp" }
}
