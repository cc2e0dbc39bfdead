import type { HostConfig } from "../../../api/container-config.ts"
import { Failure, messageOf } from "../../../errors/failure.ts"
import type { Container } from "../record/container.ts"
import type { ContainerRegistry } from "../record/registry.ts"
import type { NamespaceOwner } from "../request/contract.ts"
import type { ContainerNetworksNeeds } from "./contract.ts"

/** The part of the registry that shared namespaces need. */
export type OwnerRegistry = Pick<ContainerRegistry, "find" | "resolve">

const prefix = "container:"

/** The container that a `container:NAME` mode names; undefined for other modes. */
export const joinedRef = (mode: string): string | undefined =>
  mode.startsWith(prefix) ? mode.slice(prefix.length) : undefined

/**
 * Replaces names in `container:NAME` modes by IDs, so that a later container of that name is not joined. A network mode may name a
 * container that does not exist yet. Whether the containers run is checked at the start.
 * @throws invalidArgument for an unknown container
 */
export function pinNamespaceOwners(registry: OwnerRegistry, host: HostConfig): HostConfig {
  const pinned = (mode: string): string => {
    const ref = joinedRef(mode)
    if (ref === undefined) return mode
    try {
      return `${prefix}${registry.resolve(ref).id}`
    } catch (error) {
      throw new Failure("invalidArgument", messageOf(error), error)
    }
  }
  const network = joinedRef(host.NetworkMode)
  const known = network === undefined || registry.find(network)
  return {
    ...host,
    IpcMode: pinned(host.IpcMode),
    PidMode: pinned(host.PidMode),
    NetworkMode: known ? pinned(host.NetworkMode) : host.NetworkMode,
  }
}

/** The existing containers whose namespaces a container shares. */
export function namespaceOwners(
  registry: OwnerRegistry,
  { document: { hostConfig } }: Container,
): readonly Container[] {
  return [hostConfig.NetworkMode, hostConfig.IpcMode, hostConfig.PidMode].flatMap((mode) => {
    const ref = joinedRef(mode)
    return (ref !== undefined && registry.find(ref)) || []
  })
}

/**
 * The container whose network a container uses: itself, or the last one of a chain of `container:` modes.
 * @throws notFound; invalidArgument for a circle of modes
 */
export function networkOwner(registry: OwnerRegistry, container: Container): Container {
  const seen = new Set<Container>()
  for (let owner = container; ; ) {
    const ref = joinedRef(owner.document.hostConfig.NetworkMode)
    if (ref === undefined) return owner
    if (seen.has(owner))
      throw new Failure("invalidArgument", `the network of container ${container.name} is its own by way of others`)
    seen.add(owner)
    owner = registry.resolve(ref)
  }
}

/** The container whose PID namespace is shared. @throws internal in Docker's words when it does not run */
export function pidNamespaceOwner(
  needs: Pick<ContainerNetworksNeeds, "registry">,
  mode: string,
): NamespaceOwner | undefined {
  const other = runningOwner(needs, mode, "PID")
  return other && { pid: other.state.pid }
}

/** The container whose IPC namespace and /dev/shm are shared. @throws internal, invalidArgument in Docker's words */
export function ipcNamespaceOwner(
  needs: Pick<ContainerNetworksNeeds, "registry" | "sandboxes" | "background">,
  mode: string,
): NamespaceOwner | undefined {
  const other = runningOwner(needs, mode, "IPC")
  if (!other) return undefined
  const shmPath = needs.sandboxes.find(needs.background("ipc"), other.id)?.sharedMemory
  if (shmPath) return { pid: other.state.pid, shmPath }
  throw new Failure(
    "invalidArgument",
    `failed to join IPC namespace: container ${other.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
  )
}

function runningOwner(
  needs: Pick<ContainerNetworksNeeds, "registry">,
  mode: string,
  what: "PID" | "IPC",
): Container | undefined {
  const ref = joinedRef(mode)
  if (ref === undefined) return undefined
  const failed = (why: string) => new Failure("internal", `failed to join ${what} namespace: ${why}`)
  let other: Container
  try {
    other = needs.registry.resolve(ref)
  } catch (error) {
    throw failed(messageOf(error))
  }
  if (other.state.status === "restarting")
    throw failed(`container ${other.id} is restarting, wait until the container is running`)
  if (!other.running) throw failed(`container ${other.id} is not running`)
  return other
}
