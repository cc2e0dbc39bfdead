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
import type { CreateRequest, UpdateRequest } from "../../api/container-config.ts"
import type { Filters } from "../../api/filters.ts"
import type { StatsResponse } from "../../api/stats.ts"
import type { PathStatus } from "../../core/files/contract.ts"
import type { Scope } from "../../core/scope.ts"
import type { CommitOptions, ContainerArchive, ExtractOptions } from "./files/contract.ts"
import type { CreateOptions, RemoveOptions, StartOptions, StopOptions, WaitCondition } from "./lifecycle/contract.ts"
import type { Attachment, ContainerAttachOptions, LogStream, LogsOptions } from "./stdio/contract.ts"
import type { ListOptions, StatsOptions } from "./views/contract.ts"

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
