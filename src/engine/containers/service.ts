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
import { Failure, kindOf, messageOf } from "../../errors/failure.ts"
import type { ContainerContext } from "./context.ts"
import type { Containers } from "./contract.ts"
import type { CommitOptions, ContainerArchive, ExtractOptions } from "./files/contract.ts"
import { createCheckpoint, deleteCheckpoint, listCheckpoints } from "./lifecycle/checkpoints.ts"
import type { CreateOptions, RemoveOptions, StartOptions, StopOptions, WaitCondition } from "./lifecycle/contract.ts"
import { createContainer } from "./lifecycle/create.ts"
import { pruneContainers, removeContainer } from "./lifecycle/remove.ts"
import { startLocked } from "./lifecycle/start.ts"
import { killContainer, restartContainer, stopContainer } from "./lifecycle/stop.ts"
import { updateContainer } from "./lifecycle/update.ts"
import type { Container, EndOfRun } from "./record/container.ts"
import { publish } from "./record/events.ts"
import type { OutputClients } from "./record/output-clients.ts"
import { checkName } from "./request/names.ts"
import type { Attachment, ContainerAttachOptions, LogStream, LogsOptions } from "./stdio/contract.ts"
import type { ListOptions, StatsOptions } from "./views/contract.ts"

/** Docker's containers: each call finds its container and hands it to the verb's own file. */
export class ContainerService implements Containers {
  readonly #context: ContainerContext

  constructor(context: ContainerContext) {
    this.#context = context
  }

  create(scope: Scope, request: CreateRequest, options: CreateOptions): Promise<CreateResponse> {
    return createContainer(this.#context, scope, request, options)
  }

  list(scope: Scope, options: ListOptions): Promise<readonly ContainerSummary[]> {
    return this.#context.views.list(scope, options)
  }

  async inspect(scope: Scope, ref: string, options: { readonly size: boolean }): Promise<ContainerInspect> {
    return await this.#context.views.inspect(scope, this.#find(ref), options)
  }

  async start(scope: Scope, ref: string, { checkpoint }: StartOptions): Promise<void> {
    if (checkpoint && !this.#context.defaults.experimental)
      throw new Failure("invalidArgument", "checkpoint is only supported in experimental mode")
    const container = this.#find(ref)
    const from = checkpoint ? { checkpoint } : {}
    await this.#context.registry.locked(container.id, () => startLocked(this.#context, scope, container, from))
  }

  async stop(scope: Scope, ref: string, options: StopOptions): Promise<void> {
    await stopContainer(this.#context, scope, this.#find(ref), options)
  }

  async restart(scope: Scope, ref: string, options: StopOptions): Promise<void> {
    await restartContainer(this.#context, scope, this.#find(ref), ref, options)
  }

  async kill(scope: Scope, ref: string, options: { readonly signal?: string }): Promise<void> {
    await killContainer(this.#context, scope, this.#find(ref), options.signal)
  }

  async pause(scope: Scope, ref: string): Promise<void> {
    const container = this.#find(ref)
    await this.#context.registry.locked(container.id, async () => {
      if (container.state.status === "paused")
        throw new Failure("conflict", `container ${container.id} is already paused`)
      if (!container.running || container.killed)
        throw new Failure("conflict", `container ${container.id} is not running`)
      await this.#context.tasks.pause(scope, container.id)
      container.state.status = "paused"
      await this.#context.registry.save(scope, container)
      publish(this.#context, container, "pause")
    })
  }

  async unpause(scope: Scope, ref: string): Promise<void> {
    const container = this.#find(ref)
    await this.#context.registry.locked(container.id, async () => {
      // Docker calls this a fault of its own.
      if (container.state.status !== "paused") throw new Failure("internal", `Container ${container.id} is not paused`)
      await this.#context.tasks.resume(scope, container.id)
      container.state.status = "running"
      await this.#context.registry.save(scope, container)
      publish(this.#context, container, "unpause")
    })
  }

  async wait(
    _scope: Scope,
    ref: string,
    condition: WaitCondition,
  ): Promise<{ readonly result: Promise<WaitResponse> }> {
    const removed = this.#context.registry.removedExits.find(ref)
    if (removed && condition !== "next-exit") return { result: told(removed.end, removed.attached) }
    const container = this.#find(ref)
    if (condition === "not-running") await this.#context.registry.afterStart(container)
    const { state } = container
    const ended = !container.running && state.status !== "restarting"
    if (condition === "not-running" && ended) {
      return { result: told({ exitCode: state.exitCode, error: state.error }, container.attached) }
    }
    const end = condition === "removed" ? container.removal() : container.nextExit()
    return { result: told(end, container.attached) }
  }

  async attach(scope: Scope, ref: string, options: ContainerAttachOptions): Promise<Attachment> {
    return await this.#context.stdio.attach(scope, this.#find(ref), ref, options)
  }

  async logs(scope: Scope, ref: string, options: LogsOptions): Promise<LogStream> {
    return this.#context.stdio.logs(scope, this.#find(ref), options)
  }

  async resize(scope: Scope, ref: string, size: { readonly height: number; readonly width: number }): Promise<void> {
    await this.#context.stdio.resize(scope, this.#find(ref), size)
  }

  async rename(scope: Scope, ref: string, name: string): Promise<void> {
    const { registry } = this.#context
    const container = this.#find(ref)
    if (name === "" || name === "/") {
      throw new Failure("invalidArgument", "Neither old nor new names may be empty")
    }
    const path = name.startsWith("/") ? name : `/${name}`
    await registry.locked(container.id, async () => {
      const old = container.name
      if (path === `/${old}`) {
        throw new Failure("invalidArgument", "Renaming a container with the same name as its current name")
      }
      const wanted = allocated(registry, path, container.id)
      container.document.name = wanted
      this.#context.containerNetworks.renamed(container)
      try {
        await registry.save(scope, container)
      } catch (error) {
        container.document.name = old
        this.#context.containerNetworks.renamed(container)
        registry.free(wanted, container.id)
        throw error
      }
      registry.free(old, container.id)
      publish(this.#context, container, "rename", { oldName: `/${old}` })
    })
  }

  async top(scope: Scope, ref: string, psArgs: string): Promise<TopResponse> {
    return await this.#context.views.top(scope, this.#find(ref), psArgs)
  }

  async stats(scope: Scope, ref: string, options: StatsOptions): Promise<AsyncIterable<StatsResponse>> {
    return this.#context.views.stats(scope, this.#find(ref), options)
  }

  async update(scope: Scope, ref: string, request: UpdateRequest): Promise<UpdateResponse> {
    const container = this.#find(ref)
    return await this.#context.registry.locked(container.id, () =>
      updateContainer(this.#context, scope, container, request),
    )
  }

  async remove(scope: Scope, ref: string, options: RemoveOptions): Promise<void> {
    if (options.link) await this.#context.containerNetworks.unlink(scope, ref)
    else await removeContainer(this.#context, scope, this.#find(ref), ref, options)
  }

  prune(scope: Scope, filters: Filters): Promise<ContainersPruneResponse> {
    return pruneContainers(this.#context, scope, filters)
  }

  async changes(scope: Scope, ref: string): Promise<readonly FilesystemChange[] | null> {
    return await this.#context.containerFiles.changes(scope, this.#find(ref))
  }

  async exportTree(scope: Scope, ref: string): Promise<AsyncIterable<Uint8Array>> {
    return this.#context.containerFiles.exportTree(scope, this.#find(ref))
  }

  async commit(scope: Scope, options: CommitOptions): Promise<CommitResponse> {
    return await this.#context.containerFiles.commit(scope, this.#find(options.container), options)
  }

  async archiveStatus(scope: Scope, ref: string, path: string): Promise<PathStatus> {
    return await this.#context.containerFiles.status(scope, this.#find(ref), ref, path)
  }

  async readArchive(scope: Scope, ref: string, path: string): Promise<ContainerArchive> {
    return await this.#context.containerFiles.read(scope, this.#find(ref), ref, path)
  }

  async extractArchive(
    scope: Scope,
    ref: string,
    options: ExtractOptions,
    archive: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    await this.#context.containerFiles.extract(scope, this.#find(ref), ref, options, archive)
  }

  async checkpoints(_scope: Scope, ref: string, dir: string): Promise<readonly CheckpointSummary[]> {
    return listCheckpoints(this.#context, this.#find(ref), dir)
  }

  async createCheckpoint(scope: Scope, ref: string, request: CheckpointRequest): Promise<void> {
    await createCheckpoint(this.#context, scope, this.#find(ref), request)
  }

  async deleteCheckpoint(_scope: Scope, ref: string, checkpoint: string, dir: string): Promise<void> {
    await deleteCheckpoint(this.#context, this.#find(ref), checkpoint, dir)
  }

  #find(ref: string): Container {
    return this.#context.registry.resolve(ref)
  }
}

/** Takes a new name for a container that has one. @throws in Docker's words */
function allocated(registry: ContainerContext["registry"], path: string, id: string): string {
  try {
    const name = checkName(path)
    registry.reserve(name, id)
    return name
  } catch (error) {
    throw new Failure(kindOf(error), `Error when allocating new name: ${messageOf(error)}`, error)
  }
}

/** The answer to who waits: after those who are attached have the run's output. */
async function told(end: EndOfRun | Promise<EndOfRun>, attached: OutputClients): Promise<WaitResponse> {
  const ended = await end
  await attached.drained()
  return waitResponse(ended)
}

const waitResponse = ({ exitCode, error }: EndOfRun): WaitResponse => ({
  StatusCode: exitCode,
  ...(error ? { Error: { Message: error } } : {}),
})
