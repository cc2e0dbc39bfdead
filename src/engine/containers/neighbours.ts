import type { HostConfig } from "../../api/container-config.ts"
import { Failure, messageOf } from "../../errors/failure.ts"
import type { Container } from "./container.ts"
import type { ContainerContext } from "./context.ts"
import type { ContainerRegistry } from "./registry.ts"
import type { Neighbour } from "./spec-input.ts"

const prefix = "container:"

/** The container that a `container:NAME` mode names; undefined for other modes. */
export const joinedRef = (mode: string): string | undefined =>
  mode.startsWith(prefix) ? mode.slice(prefix.length) : undefined

/** Refuses modes that name containers which do not exist. Whether they run is asked when it starts. @throws invalidArgument */
export function checkNeighbours(registry: ContainerRegistry, host: Pick<HostConfig, "IpcMode" | "PidMode">): void {
  for (const mode of [host.IpcMode, host.PidMode]) {
    const ref = joinedRef(mode)
    if (ref === undefined) continue
    try {
      registry.resolve(ref)
    } catch (error) {
      throw new Failure("invalidArgument", messageOf(error), error)
    }
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
