import type { HostConfig } from "../../../api/container-config.ts"
import { Failure, messageOf } from "../../../errors/failure.ts"
import { variableName } from "../../../runtime/spec/environment.ts"
import type { Container } from "../record/container.ts"
import type { Link } from "../record/document.ts"
import type { ContainerRegistry } from "../record/registry.ts"
import { networkOwner } from "./namespace-owners.ts"

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
export function resolveLinks(registry: ContainerRegistry, host: Pick<HostConfig, "Links" | "NetworkMode">): Link[] {
  if (host.NetworkMode !== "bridge") return []
  return (host.Links ?? []).map((text) => {
    const { name, alias } = parseLink(text)
    const found = follow(registry, name)
    if (found.document.hostConfig.NetworkMode === "host")
      throw new Failure(
        "invalidArgument",
        "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
      )
    return { containerId: found.id, alias }
  })
}

/** The container that answers for `name` in the network: with `container:ID` it is the one whose network is shared. */
function follow(registry: ContainerRegistry, name: string): Container {
  try {
    return networkOwner(registry, registry.resolve(name))
  } catch (error) {
    throw new Failure("invalidArgument", `could not get container for ${name}: ${messageOf(error)}`, error)
  }
}

/** A link whose container still exists. */
export interface LivingLink {
  readonly container: Container
  readonly alias: string
}

/** What a container is linked to; links to removed containers have gone with them. */
export function linksOf(registry: ContainerRegistry, container: Container): LivingLink[] {
  return (container.document.links ?? []).flatMap(({ containerId, alias }) => {
    const other = registry.get(containerId)
    return other ? [{ container: other, alias }] : []
  })
}

/** HostConfig.Links as inspect shows them, by the names that are in force now: `/db:/web/database`. */
export function shownLinks(registry: ContainerRegistry, container: Container): string[] | null {
  const shown = linksOf(registry, container).map(
    ({ container: other, alias }) => `/${other.name}:/${container.name}/${alias}`,
  )
  return shown.length > 0 ? shown : null
}

/** The further names that linking gives containers, `/web/database`, by container ID. */
export function linkNames(registry: ContainerRegistry): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>()
  for (const container of registry.all()) {
    for (const { containerId, alias } of container.document.links ?? []) {
      const path = `/${container.name}/${alias}`
      names.set(containerId, [...(names.get(containerId) ?? []), path].sort())
    }
  }
  return names
}

/** Refuses to start a container whose links lead to something that does not run. @throws internal in Docker's words */
export function checkLinksRun(registry: ContainerRegistry, container: Container): void {
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
export function linkHosts(registry: ContainerRegistry, container: Container): { address: string; names: string }[] {
  return linksOf(registry, container).flatMap(({ container: other, alias }) => {
    const address = addressOf(other)
    const names = [...new Set([alias, other.document.config.Hostname, other.name])].join(" ")
    return address ? [{ address, names }] : []
  })
}

/** Who must hear of a new address of `container`: the running containers linked to it. */
export const linkedTo = (registry: ContainerRegistry, container: Container): Container[] =>
  registry
    .all()
    .filter(
      (other) => other.running && (other.document.links ?? []).some(({ containerId }) => containerId === container.id),
    )

const addressOf = (container: Container): string => container.state.sandbox?.networks["bridge"]?.ipv4?.address ?? ""

/**
 * The variables that tell a container of its links: for each alias its name, where its exposed ports are, and its
 * own variables under `ALIAS_ENV_`.
 */
export function linkEnvironment(registry: ContainerRegistry, container: Container): string[] {
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
