import { readlinkSync } from "node:fs"
import { Failure } from "../../errors/failure.ts"
import type { RuntimeSpec } from "../../oci/runtime-spec.ts"
import type { StartGuard } from "../../shim/contract.ts"
import { KeyedMutex } from "../../std/semaphore.ts"
import type { Freezing } from "./freezing.ts"
import type { LiveTask, LiveTasks } from "./live.ts"

/**
 * Starts of containers in the PID namespaces of others. The OCI runtime's process is among them while it still has every right
 * of the host: those that could trace it are frozen meanwhile (docs/security.md).
 */
export class JoinedStarts {
  readonly #live: LiveTasks
  readonly #freezing: Freezing
  readonly #namespaces = new KeyedMutex()

  constructor(live: LiveTasks, freezing: Freezing) {
    this.#live = live
    this.#freezing = freezing
  }

  /**
   * Runs a start, alone in the PID namespace that it joins: a task that could trace the next one is known by then.
   * @param start adds the task to the live ones
   * @throws conflict when the container's control group lies in that of a task to be frozen
   */
  async run(spec: RuntimeSpec, cgroupPath: string, start: (guard?: StartGuard) => Promise<void>): Promise<void> {
    const namespace = joinedNamespace(spec)
    if (namespace === undefined) return await start()
    await this.#namespaces.run(namespace, async () => {
      const tracers = this.#live.all().filter((live) => isIn(namespace, live) && mayTrace(live))
      if (tracers.length === 0) return await start()
      for (const { holdings } of tracers)
        if (`${cgroupPath}/`.startsWith(`${holdings.cgroupPath}/`))
          throw new Failure(
            "conflict",
            `the container cannot start in the control group of container ${holdings.containerId}, which has to be frozen meanwhile: choose another --cgroup-parent`,
          )
      await this.#freezing.only(tracers, async () => {
        // Those that a user has paused stay so.
        const frozen = tracers.filter(({ status }) => status === "running").map(({ holdings }) => holdings.cgroupPath)
        await start({ own: cgroupPath, frozen })
      })
    })
  }
}

/** The PID namespace of other containers that a start joins. The daemon's own is not one: whoever is in it sees all there is. */
function joinedNamespace(spec: RuntimeSpec): string | undefined {
  const path = spec.linux.namespaces.find(({ type }) => type === "pid")?.path
  const name = path === undefined ? undefined : namespaceAt(path)
  return name === namespaceAt("/proc/self/ns/pid") ? undefined : name
}

const isIn = (namespace: string, { status, pid }: LiveTask): boolean =>
  status !== "stopped" && namespaceAt(`/proc/${pid}/ns/pid`) === namespace

/** The kernel's name of a namespace; undefined when its process has ended. */
function namespaceAt(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

/** Whether a task may trace processes with more capabilities than its own. */
const mayTrace = ({ bundle }: LiveTask): boolean =>
  bundle.spec().process.capabilities?.bounding.includes("CAP_SYS_PTRACE") ?? false
