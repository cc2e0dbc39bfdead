import type { HostConfig } from "../../../api/container-config.ts"
import { Failure, messageOf } from "../../../errors/failure.ts"
import type { ContainerContext } from "../context.ts"
import type { Container } from "../record/container.ts"
import type { ContainerRegistry } from "../record/registry.ts"
import type { Neighbour } from "../request/spec-input.ts"

const prefix = "container:"

/** The container that a `container:NAME` mode names; undefined for other modes. */
export const joinedRef = (mode: string): string | undefined =>
  mode.startsWith(prefix) ? mode.slice(prefix.length) : undefined

/**
 * Modes that name containers, by these containers' IDs: whatever is called so later is not meant. A network may be joined whose container comes
 * later. Whether they run is asked when it starts.
 * @throws invalidArgument for an unknown container
 */
export function pinNeighbours(registry: ContainerRegistry, host: HostConfig): HostConfig {
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

/** The containers whose namespaces a container shares, those of them that exist. */
export function neighboursOf(
  registry: ContainerRegistry,
  { document: { hostConfig } }: Container,
): readonly Container[] {
  return [hostConfig.NetworkMode, hostConfig.IpcMode, hostConfig.PidMode].flatMap((mode) => {
    const ref = joinedRef(mode)
    return (ref !== undefined && registry.find(ref)) || []
  })
}

/**
 * The container whose network a container has: its own, or by `container:` modes, one after the other, that of another one.
 * @throws notFound; invalidArgument for modes that lead round in a circle
 */
export function networkOwner(registry: ContainerRegistry, container: Container): Container {
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

/** The container whose processes are shared. @throws internal in Docker's words when it does not run */
export function pidNeighbour(context: ContainerContext, mode: string): Neighbour | undefined {
  const other = runningNeighbour(context, mode, "PID")
  return other && { pid: other.state.pid }
}

/** The container whose System V IPC and /dev/shm are shared. @throws internal, invalidArgument in Docker's words */
export function ipcNeighbour(context: ContainerContext, mode: string): Neighbour | undefined {
  const other = runningNeighbour(context, mode, "IPC")
  if (!other) return undefined
  const shmPath = context.sharedMemory.find(other.id)
  if (shmPath) return { pid: other.state.pid, shmPath }
  throw new Failure(
    "invalidArgument",
    `failed to join IPC namespace: container ${other.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
  )
}

function runningNeighbour(context: ContainerContext, mode: string, what: "PID" | "IPC"): Container | undefined {
  const ref = joinedRef(mode)
  if (ref === undefined) return undefined
  const failed = (why: string) => new Failure("internal", `failed to join ${what} namespace: ${why}`)
  let other: Container
  try {
    other = context.registry.resolve(ref)
  } catch (error) {
    throw failed(messageOf(error))
  }
  if (other.state.status === "restarting")
    throw failed(`container ${other.id} is restarting, wait until the container is running`)
  if (!other.running) throw failed(`container ${other.id} is not running`)
  return other
}
