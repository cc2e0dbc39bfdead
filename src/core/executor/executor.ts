import { Failure, messageOf } from "../../errors/failure.ts"
import type { AttachStream, ExitRecord, IoConfig, LogConfig } from "../../shim/contract.ts"
import { newId } from "../../std/id.ts"
import type { LeaseStore } from "../leases/contract.ts"
import type { Scope } from "../scope.ts"
import type { Snapshotter } from "../snapshots/contract.ts"
import type { Task, TaskService } from "../tasks/contract.ts"
import type { ExecutionEnd, ExecutionRequest, Executor } from "./contract.ts"

/** The owner of the executor's tasks in their records. */
export const executorOwner = "executor"

const noLog: LogConfig = { format: "none", path: "", maxSize: 0, maxFiles: 0 }

/** Runs programs as tasks. Snapshots of its own are protected by leases that end with the daemon: garbage collection frees them after a kill. */
export class TaskExecutor implements Executor {
  readonly #tasks: TaskService
  readonly #snapshots: Snapshotter
  readonly #leases: LeaseStore
  /** Aborted when the daemon ends. */
  readonly #ending = new AbortController()
  /** Executions under way, and those of an earlier life that are being freed. */
  readonly #running = new Set<Promise<unknown>>()

  constructor(collaborators: {
    readonly tasks: TaskService
    readonly snapshots: Snapshotter
    readonly leases: LeaseStore
  }) {
    this.#tasks = collaborators.tasks
    this.#snapshots = collaborators.snapshots
    this.#leases = collaborators.leases
  }

  async run(scope: Scope, request: ExecutionRequest): Promise<ExecutionEnd> {
    if (this.#ending.signal.aborted) throw new Failure("unavailable", "the daemon ends: no program is started any more")
    return await this.#tracked(this.#inRoot(scope, request.id ?? newId(), request))
  }

  async recover(scopeOf: (namespace: string) => Scope): Promise<void> {
    for (const { namespace, containerId } of this.#tasks.owned(executorOwner)) {
      const scope = scopeOf(namespace)
      await this.#kill(scope, containerId)
      const freed = this.#tasks.wait(scope, containerId).then(() => this.#tasks.delete(scope, containerId))
      // What cannot be freed now is freed at the next start.
      void this.#tracked(freed).catch(() => {})
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await Promise.allSettled(this.#running)
  }

  async #tracked<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work)
    return await work.finally(() => this.#running.delete(work))
  }

  /** Prepares the snapshot, if it is the executor's to prepare, and removes it in the end. */
  async #inRoot(scope: Scope, id: string, request: ExecutionRequest): Promise<ExecutionEnd> {
    const { root } = request
    if ("snapshot" in root) return await this.#inSnapshot(scope, id, root.snapshot, request)
    return await this.#leases.within(scope, async (held) => {
      await using stack = new AsyncDisposableStack()
      const key = `execution-${id}`
      await this.#snapshots.prepare(held, key, root.parent)
      stack.defer(() => this.#snapshots.remove(held, key))
      return await this.#inSnapshot(held, id, key, request)
    })
  }

  async #inSnapshot(scope: Scope, id: string, snapshotKey: string, request: ExecutionRequest): Promise<ExecutionEnd> {
    const tasks = this.#tasks
    const { signal, ...lasting } = scope
    const failed = new AbortController()
    const stop = AbortSignal.any([...(signal ? [signal] : []), this.#ending.signal, failed.signal])
    const fail = (error: unknown) => failed.abort(error)
    const throwIfStopped = () => {
      if (failed.signal.aborted) throw failed.signal.reason
      if (this.#ending.signal.aborted) throw new Failure("unavailable", `the program ${id} was ended: the daemon ends`)
      if (signal?.aborted)
        throw new Failure("cancelled", `the program ${id} was ended: ${messageOf(signal.reason)}`, signal.reason)
    }
    throwIfStopped()
    await using held = new AsyncDisposableStack()
    const io = ioOf(request)
    let task: Task | undefined
    await tasks.open(lasting, id, io, request.log ?? noLog)
    held.defer(() => (task ? tasks.delete(lasting, id) : tasks.close(lasting, id)))
    const stream = held.use(
      await tasks.attach(lasting, {
        id,
        stdin: io.stdin,
        stdout: true,
        stderr: !io.terminal,
        role: "client",
      }),
    )
    const reading = (async () => {
      for await (const chunk of stream.output) if (!failed.signal.aborted) await request.output?.(chunk)
    })().catch(fail)
    const input = request.stdin?.[Symbol.asyncIterator]()
    if (input) void feed(input, stream).catch(fail)
    task = await tasks.run(lasting, {
      owner: executorOwner,
      containerId: id,
      spec: request.spec,
      snapshotKey,
      ephemeral: true,
      ...(request.cgroupParent ? { cgroupParent: request.cgroupParent } : {}),
      ...(request.runtime ? { runtime: request.runtime } : {}),
      io,
      log: request.log ?? noLog,
    })
    const kill = () => void this.#kill(lasting, id)
    stop.addEventListener("abort", kill)
    if (stop.aborted) kill()
    try {
      request.started?.(task)
    } catch (error) {
      fail(error)
    }
    const exit = await tasks.wait(lasting, id)
    stop.removeEventListener("abort", kill)
    void input?.return?.()
    // Processes of the host's PID namespace outlive their init, and hold its output open.
    await this.#kill(lasting, id)
    await reading
    throwIfStopped()
    return endOf(id, task, exit)
  }

  /** Kills every process of a task; what has ended is left alone. */
  async #kill(scope: Scope, id: string): Promise<void> {
    await this.#tasks.kill(scope, id, 9, { all: true }).catch(() => {})
  }
}

const ioOf = ({ stdin, terminal }: ExecutionRequest): IoConfig => ({
  terminal: terminal !== undefined,
  ...(terminal ? { consoleSize: terminal } : {}),
  stdin: stdin !== undefined,
  stdinOnce: true,
})

/** Gives a program its input, and the end of it. */
async function feed(input: AsyncIterator<Uint8Array>, stream: AttachStream): Promise<void> {
  for (let next = await input.next(); !next.done; next = await input.next()) await stream.write(next.value)
  await stream.closeStdin()
}

/** @throws unavailable when nobody knows the exit code */
function endOf(id: string, task: Task, exit: ExitRecord): ExecutionEnd {
  if (exit.code === undefined) {
    throw new Failure("unavailable", `the exit code of the program ${id} was lost with a killed shim; run it again`)
  }
  const { startedAt } = task
  // The shim tells the end by its own clock: a short program may have ended before this process knew of its start.
  const endedAt = BigInt(exit.at) > startedAt ? BigInt(exit.at) : startedAt
  return { code: exit.code, oomKilled: exit.oomKilled, startedAt, endedAt }
}
