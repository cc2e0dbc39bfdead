import { Failure } from "../../../errors/failure.ts"
import type { PeerPorts, PortBinding } from "../../../network/contract.ts"
import type { Container } from "../record/container.ts"
import { type LinkRegistry, linksOf } from "./links.ts"

/** The ports to publish: the requested bindings, and with `-P` every other exposed port on an ephemeral one. */
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

/** The exposed and published ports of linked containers: links open them where containers are isolated (`icc=false`). */
export const linkedPorts = (registry: LinkRegistry, container: Container): readonly PeerPorts[] =>
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
