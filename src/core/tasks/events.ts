import type { ExitRecord } from "../../shim/contract.ts"
import type { EventBus } from "../events/contract.ts"
import type { Scope } from "../scope.ts"
import type { TaskRequest } from "./contract.ts"
import type { LiveTask } from "./live.ts"

type Tenant = Pick<Scope, "namespace">

/** An exit status that nobody could know. */
const unknownStatus = 255

const exitOf = (exit: ExitRecord | undefined) => ({
  exit_status: exit?.code ?? unknownStatus,
  exited_at: BigInt(exit?.at ?? 0),
})

/** Publishes the events of tasks: each process is told to have started before it is told to have ended. */
export class TaskEvents {
  readonly #events: EventBus
  /** Execs whose start has not been answered yet, with the exit that came meanwhile. */
  readonly #starting = new Map<string, ExitRecord | undefined>()

  constructor(events: EventBus) {
    this.#events = events
  }

  /** Publishes that a task was created and has started. Call before `ended` can be called for it. */
  started(scope: Tenant, { bundle, pid, holdings }: LiveTask, { io, checkpoint }: TaskRequest): void {
    const { containerId: container_id } = holdings
    this.#events.publish(scope, "/tasks/create", {
      container_id,
      bundle: bundle.path,
      io: { stdin: "", stdout: "", stderr: "", terminal: io.terminal },
      checkpoint: checkpoint?.image ?? "",
      pid,
    })
    this.#events.publish(scope, "/tasks/start", { container_id, pid })
  }

  execAdded(scope: Tenant, container_id: string, exec_id: string): void {
    this.#events.publish(scope, "/tasks/exec-added", { container_id, exec_id })
  }

  /** Runs `start`, and publishes that the exec has started. @throws what `start` throws */
  async startingExec<T extends { readonly pid: number }>(
    scope: Tenant,
    container_id: string,
    exec_id: string,
    start: () => Promise<T>,
  ): Promise<T> {
    const key = keyOf(scope.namespace, container_id, exec_id)
    this.#starting.set(key, undefined)
    try {
      const started = await start()
      this.#events.publish(scope, "/tasks/exec-started", { container_id, exec_id, pid: started.pid })
      const exit = this.#starting.get(key)
      if (exit) this.#publishExit(scope.namespace, exit)
      return started
    } finally {
      this.#starting.delete(key)
    }
  }

  /** @param exit with the container's ID */
  ended(namespace: string, exit: ExitRecord): void {
    const key = exit.execId === undefined ? undefined : keyOf(namespace, exit.id, exit.execId)
    if (key !== undefined && this.#starting.has(key)) this.#starting.set(key, exit)
    else this.#publishExit(namespace, exit)
  }

  paused(scope: Tenant, container_id: string): void {
    this.#events.publish(scope, "/tasks/paused", { container_id })
  }

  resumed(scope: Tenant, container_id: string): void {
    this.#events.publish(scope, "/tasks/resumed", { container_id })
  }

  checkpointed(scope: Tenant, container_id: string, checkpoint: string): void {
    this.#events.publish(scope, "/tasks/checkpointed", { container_id, checkpoint })
  }

  deleted(scope: Tenant, { pid, exit, holdings }: LiveTask): void {
    this.#events.publish(scope, "/tasks/delete", { container_id: holdings.containerId, pid, ...exitOf(exit) })
  }

  #publishExit(namespace: string, exit: ExitRecord): void {
    const { id: container_id, execId, pid, oomKilled } = exit
    if (oomKilled) this.#events.publish({ namespace }, "/tasks/oom", { container_id })
    this.#events.publish({ namespace }, "/tasks/exit", {
      container_id,
      id: execId ?? container_id,
      pid,
      ...exitOf(exit),
    })
  }
}

const keyOf = (namespace: string, containerId: string, execId: string) => `${namespace}/${containerId}/${execId}`
