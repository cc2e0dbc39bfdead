import type { ExitRecord } from "../../../shim/contract.ts"
import { parseNanos } from "../../../std/clock.ts"
import type { ContainerDocument, ContainerRunState } from "./document.ts"
import { OutputClients } from "./output-clients.ts"

/** A container in memory: its document, and the clients that wait for it. Changed only under its lock (see `ContainerRegistry.locked`). */
export class Container {
  readonly id: string
  readonly document: ContainerDocument
  /** Back-off of the restart policy; cancelled by a start or a removal. */
  restartTimer: NodeJS.Timeout | undefined
  /** Milliseconds before the next restart. */
  restartDelay = 100
  /** Number of stops and removals under way: the restart policy does nothing meanwhile. */
  stopping = 0
  /** Number of `restart` calls under way: `--rm` does not remove the container between its two runs. */
  restarting = 0
  /** SIGKILL was sent to the run's process: freezing it now would keep it alive. */
  killed = false
  /** A removal is under way or done. */
  removed = false
  readonly execIds = new Set<string>()
  /** Attached clients: waiters are answered after these have a run's output. */
  readonly attached = new OutputClients()
  /** Clients that follow the log. Only a removal waits for them. */
  readonly followers = new OutputClients()
  /** The ended task was kept by `restart`: the next run takes over its mounted root. */
  taskLeft = false
  /** Volumes and shared memory that the run under way holds; released after its end. */
  mountHolds: AsyncDisposableStack | undefined
  readonly #exitWaiters = new Set<(exit: EndOfRun) => void>()
  readonly #removalWaiters = new Set<(exit: EndOfRun) => void>()

  #createdAt: bigint | undefined

  constructor(id: string, document: ContainerDocument) {
    this.id = id
    this.document = document
  }

  /** Creation time in nanoseconds since the epoch; parsed once, as long lists are sorted by it. */
  get createdAt(): bigint {
    this.#createdAt ??= parseNanos(this.document.created) ?? 0n
    return this.#createdAt
  }

  get name(): string {
    return this.document.name
  }

  get state(): ContainerRunState {
    return this.document.state
  }

  /** Whether a process runs, paused or not. */
  get running(): boolean {
    return this.state.status === "running" || this.state.status === "paused"
  }

  /** Resolves at the next end of a run. */
  nextExit(): Promise<EndOfRun> {
    return new Promise((resolve) => this.#exitWaiters.add(resolve))
  }

  /** Resolves when the container is removed, or its removal has failed. */
  removal(): Promise<EndOfRun> {
    return new Promise((resolve) => this.#removalWaiters.add(resolve))
  }

  /** Answers the clients that wait for the end of the run. */
  notifyExit(): void {
    const end = endOfRun(this.state)
    for (const resolve of this.#exitWaiters) resolve(end)
    this.#exitWaiters.clear()
  }

  /**
   * Answers the clients that wait for the removal, and those that wait for the end of the run.
   * @param error why the container is still there; empty after a successful removal, however the run ended
   */
  notifyRemoval(error = ""): void {
    this.notifyExit()
    const end = { exitCode: this.state.exitCode, error }
    for (const resolve of this.#removalWaiters) resolve(end)
    this.#removalWaiters.clear()
  }
}

/** Outcome of a run as `wait` reports it. */
export interface EndOfRun {
  readonly exitCode: number
  readonly error: string
}

const endOfRun = (state: ContainerRunState): EndOfRun => ({ exitCode: state.exitCode, error: state.error })

/** Error text of a run whose exit code could not be determined. */
export const unknownExit =
  "the exit code is not known: the shim was killed while the container ran, and the kernel does not tell it afterwards"

/** Writes the outcome of a run into the state. */
export function recordExit(state: ContainerRunState, exit: ExitRecord): void {
  state.status = "exited"
  state.pid = 0
  state.exitCode = exit.code ?? 255
  state.error = exit.code === undefined ? unknownExit : ""
  state.oomKilled = exit.oomKilled
  state.finishedAt = exit.at
}
