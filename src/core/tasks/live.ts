import { Failure } from "../../errors/failure.ts"
import type { Cgroup } from "../../linux/cgroup-contract.ts"
import type { RuntimeDriver } from "../../runtime/contract.ts"
import type { ExitRecord, TaskState } from "../../shim/contract.ts"
import { keyOf, type Scope } from "../scope.ts"
import type { Bundle, TaskHoldings } from "./bundle.ts"
import type { Task, TaskStatus } from "./contract.ts"

/** A task that is starting, runs, or has ended and is not freed yet. */
export interface LiveTask {
  readonly key: string
  readonly bundle: Bundle
  readonly holdings: TaskHoldings
  readonly cgroup: Cgroup
  readonly driver: RuntimeDriver
  pid: number
  startedAt: bigint
  status: TaskStatus
  exit?: ExitRecord
  /** The container's mounts have been made in its root after the end of its processes. */
  hasView?: true
  readonly waiters: ((exit: ExitRecord) => void)[]
  readonly execExits: Map<string, ExitRecord>
  readonly execWaiters: Map<string, ((exit: ExitRecord) => void)[]>
}

export const asTask = (live: LiveTask): Task => ({
  containerId: live.holdings.containerId,
  pid: live.pid,
  status: live.status,
  startedAt: live.startedAt,
  ...(live.exit ? { exit: live.exit } : {}),
})

/** Where a live task's root is mounted. */
export const rootOf = (live: LiveTask): string => live.holdings.foreignRoot ?? live.bundle.rootfs

type ExitListener = (namespace: string, exit: ExitRecord) => void

/** The live tasks by their key, and who waits for their ends. An end is told once, however often it comes. */
export class LiveTasks {
  readonly #byKey = new Map<string, LiveTask>()
  readonly #listeners: ExitListener[] = []
  /** Exits told before the start that they belong to had been answered, or the task had been taken over. */
  readonly #early = new Map<string, ExitRecord>()

  onExit(listener: ExitListener): void {
    this.#listeners.push(listener)
  }

  has(key: string): boolean {
    return this.#byKey.has(key)
  }

  get(key: string): LiveTask | undefined {
    return this.#byKey.get(key)
  }

  all(): LiveTask[] {
    return [...this.#byKey.values()]
  }

  add(live: LiveTask): void {
    this.#byKey.set(live.key, live)
  }

  remove(key: string): void {
    this.#byKey.delete(key)
  }

  /** @throws notFound */
  require(scope: Scope, containerId: string): LiveTask {
    const live = this.#byKey.get(keyOf(scope, containerId))
    if (!live) throw new Failure("notFound", `no running task for container ${containerId}`)
    return live
  }

  /** @throws notFound · conflict when it has ended */
  running(scope: Scope, containerId: string): LiveTask {
    const live = this.require(scope, containerId)
    if (live.status === "stopped") throw new Failure("conflict", `container ${containerId} is not running`)
    return live
  }

  /** Forgets an end that nobody had asked for: it belongs to no start to come. */
  dropEarly(key: string): void {
    this.#early.delete(key)
  }

  /** Tells the end of a task that ended before it was known here. */
  tellEarly(key: string): void {
    const early = this.#early.get(key)
    this.#early.delete(key)
    if (early) this.ended(early)
  }

  /** Takes note of an end, and tells who waits and every listener. */
  ended(exit: ExitRecord): void {
    const live = this.#byKey.get(exit.id)
    if (!live) {
      if (!exit.execId) this.#early.set(exit.id, exit)
      return
    }
    if (exit.execId) {
      if (live.execExits.has(exit.execId)) return
      live.execExits.set(exit.execId, exit)
      for (const resolve of live.execWaiters.get(exit.execId) ?? []) resolve(exit)
      live.execWaiters.delete(exit.execId)
    } else {
      if (live.exit) return
      live.exit = exit
      live.status = "stopped"
      for (const resolve of live.waiters.splice(0)) resolve(exit)
    }
    for (const listener of this.#listeners) {
      listener(live.holdings.namespace, { ...exit, id: live.holdings.containerId })
    }
  }

  /** After a new connection to the shim: exits that were missed, and tasks and execs that nobody can tell of any more. */
  reconnected(tasks: readonly TaskState[]): void {
    const known = new Map(tasks.map((task) => [task.id, task]))
    for (const { exit } of tasks) if (exit) this.ended(exit)
    for (const live of this.#byKey.values()) {
      const unknown = { id: live.key, at: (BigInt(Date.now()) * 1_000_000n).toString(), oomKilled: false }
      const execs = known.get(live.key)?.execs ?? []
      for (const execId of [...live.execWaiters.keys()])
        if (!execs.some((exec) => exec.execId === execId)) this.ended({ ...unknown, execId, pid: 0 })
      if (live.status !== "stopped" && !known.has(live.key)) this.ended({ ...unknown, pid: live.pid })
    }
  }
}

/** Resolves with the end of init; at once when it has ended. */
export async function endOf(live: LiveTask): Promise<ExitRecord> {
  if (live.exit) return live.exit
  return await new Promise((resolve) => live.waiters.push(resolve))
}

/** Resolves with the end of an exec; at once when it has ended. */
export async function endOfExec(live: LiveTask, execId: string): Promise<ExitRecord> {
  const exit = live.execExits.get(execId)
  if (exit) return exit
  return await new Promise((resolve) => {
    const waiters = live.execWaiters.get(execId)
    if (waiters) waiters.push(resolve)
    else live.execWaiters.set(execId, [resolve])
  })
}
