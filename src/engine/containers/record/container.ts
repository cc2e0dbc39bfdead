import type { HealthResult } from "../../../api/container.ts"
import type { ContainerConfig, HostConfig, NetworkingConfig } from "../../../api/container-config.ts"
import type { BoundPort, EndpointAddress } from "../../../network/contract.ts"
import type { ExitRecord } from "../../../shim/contract.ts"
import { parseNanos } from "../../../std/clock.ts"
import type { Link } from "../network/links.ts"
import { Deliveries } from "./output-clients.ts"

/** A mount decided at creation: where it comes from and where it goes. */
export interface ResolvedMount {
  readonly type: "bind" | "volume" | "tmpfs" | "image"
  /** A host path, the volume's name, or the image as it was asked for. */
  readonly source: string
  readonly destination: string
  /** The destination in the words of a volume's declaration where they are relative: inspect shows them. */
  readonly declaredAs?: string
  readonly readOnly: boolean
  /** The mode text of `-v`, as inspect shows it. */
  readonly mode: string
  readonly propagation: string
  /** The engine decided the propagation, not the client. */
  readonly propagationChosen?: boolean
  readonly nonRecursive?: boolean
  /** How far down `readOnly` reaches; as far as the kernel can when absent. */
  readonly readOnlyDepth?: "top" | "all"
  /** A bind's source is made when it is missing at a start. */
  readonly createSource?: boolean
  /** An image's configuration digest, and the snapshot that shows its tree. */
  readonly image?: { readonly id: string; readonly snapshotKey: string }
  /** A volume's data are not copied from the image. */
  readonly noCopy?: boolean
  /** Of a volume or image, relative: what is mounted instead of the whole. */
  readonly subpath?: string
  /** A tmpfs' mount options. */
  readonly options?: readonly string[]
  /** Removed with the container by `rm -v` and `--rm`. */
  readonly anonymous?: boolean
  readonly fromImage?: boolean
}

/** What a container got in one network while it runs. */
export interface ConnectedNetwork {
  readonly networkId: string
  readonly endpointId: string
  readonly macAddress: string
  readonly ipv4?: EndpointAddress
  readonly ipv6?: EndpointAddress
  readonly names: readonly string[]
}

/** What a container got of networks while it runs. */
export interface ConnectedSandbox {
  readonly id: string
  /** The network namespace; empty in the host's network and without one. */
  readonly path: string
  readonly ports: readonly BoundPort[]
  /** By name. */
  readonly networks: Readonly<Record<string, ConnectedNetwork>>
}

export interface ContainerRunState {
  status: "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead"
  pid: number
  exitCode: number
  error: string
  oomKilled: boolean
  /** Nanoseconds since the epoch, 0 for never; decimal text so that JSON keeps it exact. */
  startedAt: string
  finishedAt: string
  restartCount: number
  /** `stop` or `kill` was asked for: `unless-stopped` stays down. */
  manuallyStopped: boolean
  health?: { status: "starting" | "healthy" | "unhealthy"; failingStreak: number; log: HealthResult[] }
  sandbox?: ConnectedSandbox
  /** What may be wrong with the container's own files; shown by inspect for good. */
  filesInDoubt?: string
}

/** What is kept of a container on disk. */
export interface ContainerDocument {
  name: string
  readonly created: string
  readonly path: string
  readonly args: readonly string[]
  config: ContainerConfig
  hostConfig: HostConfig
  /** Whether somebody named the log driver (see `usualDriver`). */
  readonly logDriverNamed: boolean
  /** How it shall be in its networks, by name. */
  networking: NetworkingConfig
  /** The configuration's digest; empty for a container without an image. */
  readonly imageId: string
  readonly manifestDigest?: string
  readonly platform: string
  readonly mounts: readonly ResolvedMount[]
  /** Legacy links; absent without any. */
  links?: readonly Link[]
  state: ContainerRunState
}

/** A container in memory: its document and who waits for it. Changed only under its lock (see registry). */
export class Container {
  readonly id: string
  readonly document: ContainerDocument
  /** Ends when the container is started again or removed: what the restart policy waits on. */
  restartTimer: NodeJS.Timeout | undefined
  /** Milliseconds that the next restart waits. */
  restartDelay = 100
  /** A `stop`, `kill` or `restart` is under way: the restart policy stays out. */
  stopping = 0
  /** A `restart` is under way: `--rm` waits for the end of the run after it. */
  restarting = 0
  /** SIGKILL is on its way to the run's process: a freeze would keep it alive. */
  killed = false
  /** A removal is under way or done. */
  removed = false
  readonly execIds = new Set<string>()
  readonly deliveries = new Deliveries()
  /** Clients that follow the log. Only a removal waits for them. */
  readonly followers = new Deliveries()
  /** The task of the run that `restart` has ended is left for the next run, which takes its root over. */
  taskLeft = false
  /** What the run under way holds of its mounts: given back when it has ended. */
  mountHolds: AsyncDisposableStack | undefined
  readonly #exitWaiters = new Set<(exit: EndOfRun) => void>()
  readonly #removalWaiters = new Set<(exit: EndOfRun) => void>()

  #createdAt: bigint | undefined

  constructor(id: string, document: ContainerDocument) {
    this.id = id
    this.document = document
  }

  /** When it was created, in nanoseconds since the epoch: lists of thousands are sorted by it. */
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

  /** Resolves at the next end of the process. */
  nextExit(): Promise<EndOfRun> {
    return new Promise((resolve) => this.#exitWaiters.add(resolve))
  }

  /** Resolves when the container is gone. */
  removal(): Promise<EndOfRun> {
    return new Promise((resolve) => this.#removalWaiters.add(resolve))
  }

  tellExit(): void {
    const end = endOfRun(this.state)
    for (const resolve of this.#exitWaiters) resolve(end)
    this.#exitWaiters.clear()
  }

  /** @param error why the container is still there; the removal itself may go well whatever the run was */
  tellRemoval(error = ""): void {
    this.tellExit()
    const end = { exitCode: this.state.exitCode, error }
    for (const resolve of this.#removalWaiters) resolve(end)
    this.#removalWaiters.clear()
  }
}

export interface EndOfRun {
  readonly exitCode: number
  readonly error: string
}

const endOfRun = (state: ContainerRunState): EndOfRun => ({ exitCode: state.exitCode, error: state.error })

/** What users are told when nobody could learn the exit code. */
export const unknownExit =
  "the exit code is not known: the shim was killed while the container ran, and the kernel does not tell it afterwards"

/** Takes the outcome of a run into the state. */
export function recordExit(state: ContainerRunState, exit: ExitRecord): void {
  state.status = "exited"
  state.pid = 0
  state.exitCode = exit.code ?? 255
  state.error = exit.code === undefined ? unknownExit : ""
  state.oomKilled = exit.oomKilled
  state.finishedAt = exit.at
}
