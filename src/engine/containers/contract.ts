import type {
  CheckpointRequest,
  CheckpointSummary,
  CommitResponse,
  ContainerInspect,
  ContainerSummary,
  ContainersPruneResponse,
  CreateResponse,
  FilesystemChange,
  TopResponse,
  UpdateResponse,
  WaitResponse,
} from "../../api/container.ts"
import type { ContainerConfig, CreateRequest, UpdateRequest } from "../../api/container-config.ts"
import type { Filters } from "../../api/filters.ts"
import type { StatsResponse } from "../../api/stats.ts"
import type { PathStatus } from "../../core/files/contract.ts"
import type { Scope } from "../../core/scope.ts"
import type { HijackedStream } from "../../std/hijacked-stream.ts"

export interface CreateOptions {
  /** Without a leading slash; absent: the engine makes one up. */
  readonly name?: string
  /** `os/arch[/variant]` */
  readonly platform?: string
  /** Mounts below read-only binds stay writable: what clients before 1.44 expect. */
  readonly shallowReadOnly: boolean
  /** Warn of ports with an empty list of bindings, which clients since 1.52 expect to mean nothing. */
  readonly warnsOfEmptyPorts: boolean
}

export interface ListOptions {
  /** Also those that do not run. */
  readonly all: boolean
  /** The newest so many, running or not; 0 or less: no limit. */
  readonly limit: number
  /** Fill in SizeRw and SizeRootFs. */
  readonly size: boolean
  /** status, name, id, label, annotation, ancestor, before, since, exited, health, network, volume, publish, expose, is-task, isolation */
  readonly filters: Filters
}

export interface StartOptions {
  /** Goes on from a checkpoint, in the container's own directory of them when `dir` is empty. */
  readonly checkpoint?: { readonly name: string; readonly dir: string }
}

export interface StopOptions {
  /** A name or a number; absent: the container's own stop signal. */
  readonly signal?: string
  /** Seconds; -1 waits for ever; absent: the container's own, or 10. */
  readonly timeout?: number
}

export interface RemoveOptions {
  readonly force: boolean
  /** Also its anonymous volumes. */
  readonly volumes: boolean
  /** Remove a link alias instead of the container. */
  readonly link: boolean
}

export type WaitCondition = "not-running" | "next-exit" | "removed"

export interface ContainerAttachOptions {
  /** Replay the log first. */
  readonly logs: boolean
  readonly stream: boolean
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** Docker's notation (`ctrl-p,ctrl-q`); absent: the default. */
  readonly detachKeys?: string
  /** Never frame the output, whatever the terminal setting (websockets). */
  readonly raw: boolean
}

/** Something a client can be connected to, checked and ready: errors from here on go into the stream as text. */
export interface Attachment {
  /** Whether the output is framed by stdcopy headers (no terminal, not `raw`). */
  readonly multiplexed: boolean
  /**
   * Serves the client until the process ends, the client detaches or goes away, and closes the stream in every case.
   * Resolves when it is done; never rejects for what the client did.
   */
  serve(client: HijackedStream): Promise<void>
}

export interface LogsOptions {
  readonly follow: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** Nanoseconds since the epoch, inclusive. */
  readonly since?: bigint
  /** Nanoseconds since the epoch, inclusive. */
  readonly until?: bigint
  readonly timestamps: boolean
  /** The last so many lines; absent: all. */
  readonly tail?: number
  readonly details: boolean
}

export interface LogStream {
  readonly multiplexed: boolean
  /** Ready for the wire: framed when `multiplexed`. Ends when the container does (with `follow`) or `scope.signal` aborts. */
  readonly chunks: AsyncIterable<Uint8Array>
}

export interface StatsOptions {
  /** A sample each second until `scope.signal` aborts; otherwise one. */
  readonly stream: boolean
  /** With one sample: do not wait for a second one to fill `precpu_stats`. */
  readonly oneShot: boolean
}

/** A path of a container as a tar. */
export interface ContainerArchive {
  readonly status: PathStatus
  readonly chunks: AsyncIterable<Uint8Array>
}

export interface ExtractOptions {
  /** Of an existing directory. */
  readonly path: string
  /** Refuse to replace a directory by something else and the other way round. */
  readonly keepKinds: boolean
  /** Everything is to belong to the user the container runs as. */
  readonly copyOwner: boolean
}

export interface CommitOptions {
  readonly container: string
  readonly repository?: string
  readonly tag?: string
  readonly comment?: string
  readonly author?: string
  readonly pause: boolean
  /** Dockerfile instructions, each one line or several. */
  readonly changes: readonly string[]
  readonly config?: ContainerConfig
}

/**
 * Docker's containers. `ref` is a full ID, a name (with or without a leading slash) or a unique ID prefix: looked up in
 * this order. Every call with a `ref` throws notFound (`No such container: x`) or invalidArgument
 * (`multiple IDs found with provided prefix: x`).
 */
export interface Containers {
  /** @throws notFound (image) · alreadyExists (name) · invalidArgument */
  create(scope: Scope, request: CreateRequest, options: CreateOptions): Promise<CreateResponse>
  list(scope: Scope, options: ListOptions): Promise<readonly ContainerSummary[]>
  inspect(scope: Scope, ref: string, options: { readonly size: boolean }): Promise<ContainerInspect>
  /** @throws notModified when it runs · conflict when it is paused */
  start(scope: Scope, ref: string, options: StartOptions): Promise<void>
  /** @throws notModified when it does not run */
  stop(scope: Scope, ref: string, options: StopOptions): Promise<void>
  restart(scope: Scope, ref: string, options: StopOptions): Promise<void>
  /** `signal` absent: KILL. @throws conflict when it does not run · invalidArgument for an unknown signal */
  kill(scope: Scope, ref: string, options: { readonly signal?: string }): Promise<void>
  /** @throws conflict when it is paused already or does not run */
  pause(scope: Scope, ref: string): Promise<void>
  unpause(scope: Scope, ref: string): Promise<void>
  /** Resolves once it is registered, so that nothing is missed; `result` resolves when the condition holds. */
  wait(scope: Scope, ref: string, condition: WaitCondition): Promise<{ readonly result: Promise<WaitResponse> }>
  /** @throws conflict when paused or removing · invalidArgument for bad detach keys */
  attach(scope: Scope, ref: string, options: ContainerAttachOptions): Promise<Attachment>
  logs(scope: Scope, ref: string, options: LogsOptions): Promise<LogStream>
  /** Cells. @throws conflict when it does not run */
  resize(scope: Scope, ref: string, size: { readonly height: number; readonly width: number }): Promise<void>
  /** `name` with or without a leading slash. @throws invalidArgument · alreadyExists */
  rename(scope: Scope, ref: string, name: string): Promise<void>
  /** @throws conflict when it does not run */
  top(scope: Scope, ref: string, psArgs: string): Promise<TopResponse>
  /** Resolves when the container is found; the iteration ends by itself unless `stream`. */
  stats(scope: Scope, ref: string, options: StatsOptions): Promise<AsyncIterable<StatsResponse>>
  update(scope: Scope, ref: string, request: UpdateRequest): Promise<UpdateResponse>
  /** @throws conflict when it runs (without `force`) or is being removed */
  remove(scope: Scope, ref: string, options: RemoveOptions): Promise<void>
  /** Filters: label, label!, until. */
  prune(scope: Scope, filters: Filters): Promise<ContainersPruneResponse>
  /** `null` when nothing changed. */
  changes(scope: Scope, ref: string): Promise<readonly FilesystemChange[] | null>
  /** The root file system as a tar. Resolves when reading can begin. */
  exportTree(scope: Scope, ref: string): Promise<AsyncIterable<Uint8Array>>
  commit(scope: Scope, options: CommitOptions): Promise<CommitResponse>
  /** In the container's own directory of them when `dir` is empty. @throws notFound when `dir` does not exist */
  checkpoints(scope: Scope, ref: string, dir: string): Promise<readonly CheckpointSummary[]>
  /** @throws conflict when it does not run or has that one · notImplemented telling what is missing */
  createCheckpoint(scope: Scope, ref: string, request: CheckpointRequest): Promise<void>
  /** @throws notFound */
  deleteCheckpoint(scope: Scope, ref: string, checkpoint: string, dir: string): Promise<void>
  /** @throws notFound (`Could not find the file …`), as the two that follow */
  archiveStatus(scope: Scope, ref: string, path: string): Promise<PathStatus>
  readArchive(scope: Scope, ref: string, path: string): Promise<ContainerArchive>
  /** @throws invalidArgument when the path is no directory · permissionDenied when it is read-only */
  extractArchive(scope: Scope, ref: string, options: ExtractOptions, archive: AsyncIterable<Uint8Array>): Promise<void>
}
