import type { Socket } from "node:net"
import { Failure } from "../errors/failure.ts"
import { selfCommand } from "../std/self.ts"
import type { Span } from "../trace/span.ts"
import { openAttach } from "./attach-client.ts"
import type {
  AttachOptions,
  AttachStream,
  ExecStart,
  IoConfig,
  LogConfig,
  RunRequest,
  Shim,
  ShimEvent,
  TaskState,
} from "./contract.ts"
import { launchShim, otherShim, shimFolder, shimSocket } from "./launch-shim.ts"
import { dial, Link } from "./link.ts"
import type { Hello, WireEvent } from "./protocol.ts"

export interface ConnectOptions {
  /** One shim serves one run root. */
  readonly runRoot: string
  /** The program that is started as shim; this one when absent. */
  readonly command?: readonly string[]
}

/** How long a shim may take to answer after it was started, in milliseconds. */
const patience = 15_000

/** Connects to the run root's shim, started if nobody answers. @throws unavailable when it does not come up */
export async function connectShim(options: ConnectOptions): Promise<Shim> {
  const client = new ShimClient(options)
  await client.connect()
  return client
}

class ShimClient implements Shim {
  readonly #options: ConnectOptions
  readonly #listeners = new Set<(event: ShimEvent) => void>()
  /** Spans of calls whose last steps are still to come, by process. */
  readonly #spans = new Map<string, Span>()
  #hello: Hello | undefined
  #link: Promise<Link> | undefined
  #disposed = false

  constructor(options: ConnectOptions) {
    this.#options = options
  }

  get version(): string {
    return this.#hello!.version
  }

  get pid(): number {
    return this.#hello!.pid
  }

  async connect(): Promise<void> {
    this.#link = this.#establish()
    await this.#link
  }

  async tasks(): Promise<readonly TaskState[]> {
    return (await this.#request("tasks")) as TaskState[]
  }

  async open(id: string, io: IoConfig, log: LogConfig, execId?: string): Promise<void> {
    await this.#request("open", { id, io, log, execId })
  }

  async run(request: RunRequest, span: Span): Promise<{ readonly pid: number }> {
    return await this.#launch("run", request, span, request.id)
  }

  async create(request: RunRequest, span: Span): Promise<{ readonly pid: number }> {
    return await this.#launch("create", request, span, request.id)
  }

  async start(id: string, span: Span): Promise<void> {
    await this.#request("start", { id }, span)
  }

  async exec(request: ExecStart, span: Span): Promise<{ readonly pid: number }> {
    return await this.#launch("exec", request, span, keyOf(request.id, request.execId))
  }

  async kill(id: string, signal: number, execId?: string): Promise<void> {
    await this.#request("kill", { id, signal, execId })
  }

  async resize(id: string, size: { readonly height: number; readonly width: number }, execId?: string): Promise<void> {
    await this.#request("resize", { id, size, execId })
  }

  async closeStdin(id: string, execId?: string): Promise<void> {
    await this.#request("closeStdin", { id, execId })
  }

  async attach(options: AttachOptions): Promise<AttachStream> {
    await this.#link
    return await openAttach(this.#socketPath, options)
  }

  async reopenLog(id: string): Promise<void> {
    await this.#request("reopenLog", { id })
  }

  async drained(id: string, execId?: string): Promise<void> {
    await this.#request("drained", { id, execId })
  }

  async forget(id: string, execId?: string): Promise<void> {
    await this.#request("forget", { id, execId })
  }

  on(listener: (event: ShimEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async upgrade(): Promise<void> {
    await this.#request("upgrade", { command: this.#command })
    this.#hello = (await this.#request("hello")) as Hello
  }

  async shutdown(): Promise<void> {
    const link = await this.#link
    this.#disposed = true
    try {
      await link?.request("shutdown")
    } catch (error) {
      this.#disposed = false
      throw error
    }
    await link?.closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    const link = await this.#link?.catch(() => undefined)
    link?.close()
    await link?.closed
  }

  async #launch(method: string, request: unknown, span: Span, key: string): Promise<{ readonly pid: number }> {
    this.#spans.set(key, span)
    try {
      return (await this.#request(method, request, span)) as { pid: number }
    } catch (error) {
      this.#spans.delete(key)
      throw error
    }
  }

  async #request(method: string, params?: unknown, span?: Span): Promise<unknown> {
    const link = await this.#link
    if (!link) throw new Failure("unavailable", "the shim is not connected")
    return await link.request(method, params, span)
  }

  async #establish(): Promise<Link> {
    const link = new Link(await this.#dialOrStart(), (event) => this.#event(event))
    this.#hello = (await link.request("hello")) as Hello
    void link.closed.then(() => this.#lost())
    return link
  }

  /** The connection is gone: finds the shim again, or starts the next, and tells what it knows. */
  #lost(): void {
    if (this.#disposed) return
    const before = this.#hello?.instance
    const link = this.#establish()
    this.#link = link
    link
      .then(
        async (established) => {
          const tasks = (await established.request("tasks")) as TaskState[]
          this.#tell({ type: "reconnected", replaced: this.#hello?.instance !== before, tasks })
        },
        () => {
          if (!this.#disposed) setTimeout(() => this.#lost(), 1000)
        },
      )
      .catch(() => {})
  }

  async #dialOrStart(): Promise<Socket> {
    const first = await this.#tryDial()
    if (first) return first
    const { ended } = launchShim(this.#options.runRoot, this.#command)
    let over: { code: number | null } | undefined
    ended.then(
      (code) => {
        over = { code }
      },
      () => {
        over = { code: null }
      },
    )
    for (const deadline = Date.now() + patience; Date.now() < deadline; ) {
      const socket = await this.#tryDial()
      if (socket) return socket
      if (over && over.code !== otherShim) break
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
    throw new Failure(
      "unavailable",
      `the shim of ${this.#options.runRoot} does not answer; see ${shimFolder(this.#options.runRoot)}/shim.log`,
    )
  }

  async #tryDial(): Promise<Socket | undefined> {
    try {
      return await dial(this.#socketPath)
    } catch {
      return undefined
    }
  }

  #event(event: WireEvent): void {
    switch (event.type) {
      case "spans": {
        const key = keyOf(event.id, event.execId)
        this.#spans.get(key)?.adopt(event.spans)
        this.#spans.delete(key)
        return
      }
      case "release":
        return
      case "exit":
        this.#spans.delete(keyOf(event.exit.id, event.exit.execId))
        this.#tell(event)
        return
      default:
        this.#tell(event)
    }
  }

  #tell(event: ShimEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  get #socketPath(): string {
    return shimSocket(this.#options.runRoot)
  }

  get #command(): readonly string[] {
    return this.#options.command ?? selfCommand()
  }
}

const keyOf = (id: string, execId?: string): string => (execId === undefined ? id : `${id}/${execId}`)
