import type { HostConfig } from "../../../api/container-config.ts"
import { Failure, messageOf } from "../../../errors/failure.ts"
import { variableName } from "../../../runtime/spec/environment.ts"
import type { Container } from "../record/container.ts"
import type { Link } from "../record/document.ts"
import type { ContainerRegistry } from "../record/registry.ts"
import { networkOwner } from "./namespace-owners.ts"

/** The part of the registry that links need. */
export type LinkRegistry = Pick<ContainerRegistry, "all" | "find" | "get" | "resolve">

/** Reads `NAME[:ALIAS]`, and inspect's form `/NAME:/OWN-NAME/ALIAS`. @throws invalidArgument in Docker's words */
export function parseLink(text: string): { readonly name: string; readonly alias: string } {
  if (text === "") throw new Failure("invalidArgument", "empty string specified for links")
  const [name = "", alias, ...more] = text.split(":")
  if (more.length > 0 || name === "" || alias === "")
    throw new Failure("invalidArgument", `bad format for links: ${text}`)
  const plain = name.replace(/^\//, "")
  return { name: plain, alias: (alias ?? plain).split("/").at(-1)! }
}

/** Finds the containers that a new one shall be linked to. @throws invalidArgument in Docker's words */
export function resolveLinks(registry: LinkRegistry, host: Pick<HostConfig, "Links" | "NetworkMode">): Link[] {
  if (host.NetworkMode !== "bridge") return []
  return (host.Links ?? []).map((text) => {
    const { name, alias } = parseLink(text)
    const found = linkTarget(registry, name)
    if (found.document.hostConfig.NetworkMode === "host")
      throw new Failure(
        "invalidArgument",
        "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
      )
    return { containerId: found.id, alias }
  })
}

/** The container with the network of `name`: with mode `container:ID` the one whose network is shared. */
function linkTarget(registry: LinkRegistry, name: string): Container {
  try {
    return networkOwner(registry, registry.resolve(name))
  } catch (error) {
    throw new Failure("invalidArgument", `could not get container for ${name}: ${messageOf(error)}`, error)
  }
}

/** A link whose container still exists. */
export interface ResolvedLink {
  readonly container: Container
  readonly alias: string
}

/** The containers that a container is linked to, without removed ones. */
export function linksOf(registry: Pick<LinkRegistry, "get">, container: Container): ResolvedLink[] {
  return (container.document.links ?? []).flatMap(({ containerId, alias }) => {
    const other = registry.get(containerId)
    return other ? [{ container: other, alias }] : []
  })
}

/** HostConfig.Links as inspect shows them, with the current names: `/db:/web/database`. */
export function shownLinks(registry: Pick<LinkRegistry, "get">, container: Container): string[] | null {
  const shown = linksOf(registry, container).map(
    ({ container: other, alias }) => `/${other.name}:/${container.name}/${alias}`,
  )
  return shown.length > 0 ? shown : null
}

/** The further names that linking gives containers, `/web/database`, by container ID. */
export function linkNames(registry: Pick<LinkRegistry, "all">): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>()
  for (const container of registry.all()) {
    for (const { containerId, alias } of container.document.links ?? []) {
      const path = `/${container.name}/${alias}`
      names.set(containerId, [...(names.get(containerId) ?? []), path].sort())
    }
  }
  return names
}

/** Refuses to start a container with a link to a container that does not run. @throws internal in Docker's words */
export function checkLinksRun(registry: LinkRegistry, container: Container): void {
  for (const { container: other, alias } of linksOf(registry, container)) {
    if (!other.running)
      throw new Failure(
        "internal",
        `Cannot link to a non running container: /${other.name} AS /${container.name}/${alias}`,
      )
    if (!other.state.sandbox?.networks["bridge"])
      throw new Failure("internal", `Cannot link to /${other.name}, as it does not belong to the default network`)
  }
}

/** Lines of /etc/hosts for a container's links: alias, host name and container name of each that has an address. */
export function linkHosts(registry: LinkRegistry, container: Container): { address: string; names: string }[] {
  return linksOf(registry, container).flatMap(({ container: other, alias }) => {
    const address = addressOf(other)
    const names = [...new Set([alias, other.document.config.Hostname, other.name])].join(" ")
    return address ? [{ address, names }] : []
  })
}

/** The running containers that are linked to `container`, and need its new address. */
export const linkedTo = (registry: LinkRegistry, container: Container): Container[] =>
  registry
    .all()
    .filter(
      (other) => other.running && (other.document.links ?? []).some(({ containerId }) => containerId === container.id),
    )

const addressOf = (container: Container): string => container.state.sandbox?.networks["bridge"]?.ipv4?.address ?? ""

/**
 * The environment variables of a container's links: for each alias its name, the addresses of its exposed ports, and its
 * own variables under `ALIAS_ENV_`.
 */
export function linkEnvironment(registry: LinkRegistry, container: Container): string[] {
  return linksOf(registry, container).flatMap(({ container: other, alias }) => {
    const prefix = alias.toUpperCase().replaceAll("-", "_")
    const inherited = (other.document.config.Env ?? [])
      .filter((line) => line.includes("=") && !["HOME", "PATH"].includes(variableName(line)))
      .map((line) => `${prefix}_ENV_${line}`)
    return [
      ...portVariables(prefix, addressOf(other), Object.keys(other.document.config.ExposedPorts ?? {})),
      `${prefix}_NAME=/${container.name}/${alias}`,
      ...inherited,
    ]
  })
}

interface ExposedPort {
  readonly number: number
  readonly protocol: string
}

function portVariables(prefix: string, address: string, exposed: readonly string[]): string[] {
  const ports = exposed
    .map((key): ExposedPort => {
      const [number, protocol = "tcp"] = key.split("/")
      return { number: Number(number), protocol }
    })
    .sort((one, other) => one.protocol.localeCompare(other.protocol) || one.number - other.number)
  const first = ports.find((port) => port.protocol === "tcp") ?? ports[0]
  if (!first) return []
  const url = (port: ExposedPort) => `${port.protocol}://${address}:${port.number}`
  const each = ports.flatMap((port) => {
    const name = `${prefix}_PORT_${port.number}_${port.protocol.toUpperCase()}`
    return [
      `${name}=${url(port)}`,
      `${name}_ADDR=${address}`,
      `${name}_PORT=${port.number}`,
      `${name}_PROTO=${port.protocol}`,
    ]
  })
  return [`${prefix}_PORT=${url(first)}`, ...each]
}
