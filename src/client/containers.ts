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
} from "../api/container.ts"
import type { CreateBody, Resources, RestartPolicy } from "../api/container-config.ts"
import type { StatsResponse } from "../api/stats.ts"
import { decodeJson } from "../std/json.ts"
import type { SpanRecord } from "../trace/span.ts"
import { jsonValues } from "./json-stream.ts"
import type { ClientFilters } from "./query.ts"
import { type Hijacked, type Response, readText, type Transport } from "./transport.ts"

export interface StopQuery {
  readonly signal?: string
  /** Seconds; -1 waits for ever. */
  readonly t?: number
}

export interface AttachQuery {
  readonly logs?: boolean
  readonly stream?: boolean
  readonly stdin?: boolean
  readonly stdout?: boolean
  readonly stderr?: boolean
  readonly detachKeys?: string
}

export interface LogsQuery {
  readonly follow?: boolean
  readonly stdout?: boolean
  readonly stderr?: boolean
  /** "seconds[.nanoseconds]" since the epoch. */
  readonly since?: string
  readonly until?: string
  readonly timestamps?: boolean
  readonly tail?: string
  readonly details?: boolean
}

export type UpdateBody = Partial<Resources> & { readonly RestartPolicy?: RestartPolicy }

/** `/containers/…` and `/commit`. `ref` is a name, an ID or the beginning of one. */
export class ContainersClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  create(body: CreateBody, query: { readonly name?: string; readonly platform?: string }): Promise<CreateResponse> {
    return this.#transport.json("POST", "/containers/create", { query, body })
  }

  list(query: {
    readonly all?: boolean
    readonly size?: boolean
    readonly limit?: number
    readonly filters?: ClientFilters
  }): Promise<readonly ContainerSummary[]> {
    return this.#transport.json("GET", "/containers/json", { query })
  }

  inspect(ref: string): Promise<ContainerInspect> {
    return this.#transport.json("GET", path(ref, "/json"))
  }

  /** The same as the daemon wrote it. */
  inspectText(ref: string, size: boolean): Promise<string> {
    return this.#transport.text("GET", path(ref, "/json"), { query: { size } })
  }

  async start(
    ref: string,
    query: { readonly detachKeys?: string; readonly checkpoint?: string; readonly "checkpoint-dir"?: string } = {},
  ): Promise<void> {
    await this.#transport.text("POST", path(ref, "/start"), { query })
  }

  async createCheckpoint(ref: string, body: CheckpointRequest): Promise<void> {
    await this.#transport.text("POST", path(ref, "/checkpoints"), { body })
  }

  /** `null` when there are none, with some daemons. */
  checkpoints(ref: string, query: { readonly dir?: string }): Promise<readonly CheckpointSummary[] | null> {
    return this.#transport.json("GET", path(ref, "/checkpoints"), { query })
  }

  async deleteCheckpoint(ref: string, checkpoint: string, query: { readonly dir?: string }): Promise<void> {
    await this.#transport.text("DELETE", path(ref, `/checkpoints/${encodeURIComponent(checkpoint)}`), { query })
  }

  async stop(ref: string, query: StopQuery): Promise<void> {
    await this.#transport.text("POST", path(ref, "/stop"), { query: { ...query } })
  }

  async restart(ref: string, query: StopQuery): Promise<void> {
    await this.#transport.text("POST", path(ref, "/restart"), { query: { ...query } })
  }

  async kill(ref: string, signal: string): Promise<void> {
    await this.#transport.text("POST", path(ref, "/kill"), { query: { signal } })
  }

  async pause(ref: string): Promise<void> {
    await this.#transport.text("POST", path(ref, "/pause"))
  }

  async unpause(ref: string): Promise<void> {
    await this.#transport.text("POST", path(ref, "/unpause"))
  }

  async remove(
    ref: string,
    query: { readonly v?: boolean; readonly force?: boolean; readonly link?: boolean },
  ): Promise<void> {
    await this.#transport.text("DELETE", path(ref), { query })
  }

  async rename(ref: string, name: string): Promise<void> {
    await this.#transport.text("POST", path(ref, "/rename"), { query: { name } })
  }

  async resize(ref: string, height: number, width: number): Promise<void> {
    await this.#transport.text("POST", path(ref, "/resize"), { query: { h: height, w: width } })
  }

  update(ref: string, body: UpdateBody): Promise<UpdateResponse> {
    return this.#transport.json("POST", path(ref, "/update"), { body })
  }

  top(ref: string, psArgs: string): Promise<TopResponse> {
    return this.#transport.json("GET", path(ref, "/top"), { query: { ps_args: psArgs } })
  }

  changes(ref: string): Promise<readonly FilesystemChange[] | null> {
    return this.#transport.json("GET", path(ref, "/changes"))
  }

  prune(filters: ClientFilters): Promise<ContainersPruneResponse> {
    return this.#transport.json("POST", "/containers/prune", { query: { filters } })
  }

  commit(query: {
    readonly container: string
    readonly repo?: string
    readonly tag?: string
    readonly comment?: string
    readonly author?: string
    readonly pause: boolean
    readonly changes?: readonly string[]
  }): Promise<CommitResponse> {
    const { pause, ...rest } = query
    return this.#transport.json("POST", "/commit", { query: { ...rest, pause: pause ? "1" : "0" }, body: null })
  }

  /** The file system as a tar. */
  async export(ref: string): Promise<AsyncIterable<Uint8Array>> {
    return (await this.#transport.request("GET", path(ref, "/export"))).body
  }

  /** The log; framed unless the container has a terminal. */
  logs(ref: string, query: LogsQuery, signal?: AbortSignal): Promise<Response> {
    return this.#transport.request("GET", path(ref, "/logs"), { query: { ...query }, signal })
  }

  attach(ref: string, query: AttachQuery): Promise<Hijacked> {
    return this.#transport.hijack("POST", path(ref, "/attach"), { query: { ...query } })
  }

  /**
   * Starts to wait; resolves when the daemon has registered it.
   * @returns `ended`, which resolves with what became of the container
   */
  async wait(
    ref: string,
    condition?: "not-running" | "next-exit" | "removed",
  ): Promise<{ readonly ended: Promise<WaitResponse> }> {
    const response = await this.#transport.request("POST", path(ref, "/wait"), { query: { condition } })
    const ended = readText(response.body).then((text) => decodeJson(text) as unknown as WaitResponse)
    ended.catch(() => {})
    return { ended }
  }

  /** One sample; without `precpu` filled when `oneShot`. */
  stats(ref: string, oneShot = false): Promise<StatsResponse> {
    return this.#transport.json("GET", path(ref, "/stats"), { query: { stream: "0", "one-shot": oneShot } })
  }

  /** A sample each second until the container is removed or the signal aborts. */
  async *statsStream(ref: string, signal?: AbortSignal): AsyncGenerator<StatsResponse> {
    const response = await this.#transport.request("GET", path(ref, "/stats"), { query: { stream: true }, signal })
    yield* jsonValues<StatsResponse>(response.body)
  }

  /** The spans kept of a container's life. @throws notFound */
  trace(ref: string): Promise<readonly SpanRecord[]> {
    return this.#transport.json("GET", path(ref, "/trace"))
  }
}

const path = (ref: string, verb = "") => `/containers/${encodeURIComponent(ref)}${verb}`
