import type { Socket } from "node:net"
import { Failure, isKind } from "../errors/failure.ts"
import { requireDescriptors } from "../linux/open-files.ts"
import { selfCommand } from "../std/self.ts"
import type { Span } from "../trace/span.ts"
import { isLoss, openAttach, type Successor } from "./attach-client.ts"
import type {
  AttachOptions,
  AttachStream,
  CheckpointOrder,
  ExecStart,
  ExitRecord,
  IoConfig,
  LogConfig,
  RestoreRequest,
  RunRequest,
  Shim,
  ShimEvent,
  TaskState,
} from "./contract.ts"
import { KeptStore } from "./kept-descriptors.ts"
import { launchShim, otherShim, shimFolder, shimSocket } from "./launch-shim.ts"
import { dial, Link } from "./link.ts"
import { elsewhere, otherNamespaces } from "./other-namespace.ts"
import type { Hello, WireEvent } from "./protocol.ts"

export interface ConnectOptions {
  /** One shim serves one run root. */
  readonly runRoot: string
  /** The program that is started as shim; this one when absent. */
  readonly command?: readonly string[]
}

/** How long a shim may take to answer after it was started, in milliseconds. */
const patience = 15_000

/** How long one that was started, and lives, may take to listen on a busy host. One that ends is noticed at once. Milliseconds */
const startPatience = 60_000

/** Free descriptors that a start needs here: what is kept of the process, and beside it clients that come in the meantime. */
const descriptorsOfStart = 128

/** So many shims may end before one of them has answered. */
const mostLaunches = 5

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
  /** Processes whose exits have been told here. */
  readonly #told = new Set<string>()
  #hello: Hello | undefined
  #kept: KeptStore | undefined
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
    // With running containers it stays as it is, and they can be looked after.
    await this.#replaceElsewhere().catch((error) => {
      if (!isKind(error, "conflict")) throw error
    })
  }

  async tasks(): Promise<readonly TaskState[]> {
    return (await this.#request("tasks")) as TaskState[]
  }

  async open(id: string, io: IoConfig, log: LogConfig, execId?: string): Promise<void> {
    if (execId === undefined) await this.#replaceElsewhere()
    await this.#request("open", { id, io, log, execId })
  }

  async run(request: RunRequest, span: Span): Promise<{ readonly pid: number }> {
    await this.#replaceElsewhere()
    return await this.#launch("run", request, span, request.id)
  }

  async create(request: RunRequest, span: Span): Promise<{ readonly pid: number }> {
    await this.#replaceElsewhere()
    return await this.#launch("create", request, span, request.id)
  }

  async start(id: string, span: Span): Promise<void> {
    await this.#request("start", { id }, span)
  }

  async restore(request: RestoreRequest, span: Span): Promise<{ readonly pid: number }> {
    await this.#replaceElsewhere()
    return await this.#launch("restore", request, span, request.id)
  }

  async checkpoint(order: CheckpointOrder, span: Span): Promise<void> {
    await this.#request("checkpoint", order, span)
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
    for (;;) {
      await this.#link
      try {
        return await openAttach(this.#socketPath, options, () => this.#afterLoss(options))
      } catch (error) {
        if (!isLoss(error)) throw error
        await this.#afterLoss(options)
      }
    }
  }

  /** Waits for the shim after a lost connection. @returns what it knows of the process @throws notFound when that is nothing */
  async #afterLoss({ id, execId }: AttachOptions): Promise<Successor> {
    for (;;) {
      if (this.#disposed) throw new Failure("cancelled", "the connection to the shim was closed")
      try {
        const task = (await this.tasks()).find((each) => each.id === id)
        const process = execId === undefined ? task : task?.execs.find((each) => each.execId === execId)
        if (!task || !process) throw new Failure("notFound", `the shim knows no process ${keyOf(id, execId)}`)
        return { log: task.log, started: process.pid !== 0 }
      } catch (error) {
        if (!isKind(error, "unavailable")) throw error
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
  }

  async reopenLog(id: string): Promise<void> {
    await this.#request("reopenLog", { id })
  }

  async drained(id: string, execId?: string): Promise<void> {
    await this.#surely("drained", { id, execId })
  }

  async forget(id: string, execId?: string): Promise<void> {
    await this.#surely("forget", { id, execId })
    this.#told.delete(keyOf(id, execId))
    if (execId === undefined) for (const key of this.#told) if (key.startsWith(`${id}/`)) this.#told.delete(key)
  }

  async hold(key: string, descriptors: readonly number[]): Promise<void> {
    await this.#request("hold", { key, pid: process.pid, descriptors })
  }

  async release(key: string): Promise<void> {
    await this.#request("release", { key })
  }

  async held(): Promise<Readonly<Record<string, readonly number[]>>> {
    return (await this.#request("held")) as Record<string, readonly number[]>
  }

  on(listener: (event: ShimEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async upgrade(): Promise<void> {
    await this.#request("upgrade", { command: this.#command })
    this.#hello = (await this.#request("hello")) as Hello
    if (this.#kept) await this.#takeKept(await this.#link!, this.#kept)
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
    this.#kept?.[Symbol.dispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    const link = await this.#link?.catch(() => undefined)
    link?.close()
    await link?.closed
    this.#kept?.[Symbol.dispose]()
  }

  /** Ends a shim in other namespaces, so that one is started in ours. @throws conflict while containers run in it */
  async #replaceElsewhere(): Promise<void> {
    const namespaces = otherNamespaces(this.pid)
    if (namespaces.length === 0) return
    const link = await this.#link!
    try {
      await link.request("shutdown")
    } catch (error) {
      throw isKind(error, "conflict") ? elsewhere(this.pid, namespaces) : error
    }
    await link.closed
    await this.#link
  }

  async #launch(method: string, request: unknown, span: Span, key: string): Promise<{ readonly pid: number }> {
    requireDescriptors("the daemon", descriptorsOfStart)
    this.#spans.set(key, span)
    this.#told.delete(key)
    try {
      const started = (await this.#request(method, request, span)) as { pid: number }
      this.#kept?.drain()
      return started
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

  /** A request that may come twice: should the shim be killed over it, its successor is asked. */
  async #surely(method: string, params: unknown): Promise<unknown> {
    for (const deadline = Date.now() + patience; ; ) {
      try {
        return await this.#request(method, params)
      } catch (error) {
        if (this.#disposed || Date.now() > deadline || !isKind(error, "unavailable")) throw error
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
  }

  async #establish(): Promise<Link> {
    const link = await this.#greet()
    if (this.#disposed) link.close()
    void link.closed.then(() => this.#lost())
    await this.#keepDescriptors(link)
    return link
  }

  /** A shim that has been killed may still accept a connection while it goes: then the next one is awaited. */
  async #greet(): Promise<Link> {
    const deadline = Date.now() + patience
    for (let pause = 2; ; pause = Math.min(2 * pause, 200)) {
      const link = new Link(await this.#dialOrStart(), (event) => this.#event(event))
      try {
        this.#hello = (await link.request("hello")) as Hello
        return link
      } catch (error) {
        if (this.#disposed || !isKind(error, "unavailable") || Date.now() > deadline) throw error
      }
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }

  /** Holds duplicates of what the shim holds. Without them everything works, until the shim is killed. */
  async #keepDescriptors(link: Link): Promise<void> {
    const before = this.#kept
    try {
      this.#kept = new KeptStore(this.#socketPath)
      await this.#takeKept(link, this.#kept)
    } catch {
      this.#kept?.[Symbol.dispose]()
      this.#kept = undefined
    }
    before?.[Symbol.dispose]()
  }

  /** Takes the descriptors of all that runs, in as many parts as the socket holds. */
  async #takeKept(link: Link, kept: KeptStore): Promise<void> {
    for (let attempt = 0; attempt < 1000; attempt++) {
      const { waiting } = (await link.request("kept", { name: kept.name })) as { waiting: number }
      kept.drain()
      if (waiting === 0) return
      // Below zero: the shim has not looked at that connection yet.
      if (waiting < 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
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
          for (const exit of tasks.flatMap((task) => [task, ...task.execs]).flatMap((each) => each.exit ?? [])) {
            this.#exited(exit)
          }
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
    let over: { code: number | null } | undefined
    const launch = () => {
      over = undefined
      const { ended } = launchShim(this.#options.runRoot, this.#command, this.#kept?.all() ?? new Map())
      ended.then(
        (code) => {
          over = { code }
        },
        () => {
          over = { code: null }
        },
      )
    }
    launch()
    let launches = 1
    for (const deadline = Date.now() + startPatience; Date.now() < deadline; ) {
      const socket = await this.#tryDial()
      if (socket) return socket
      if (over && over.code !== otherShim) {
        // It may have been killed as well.
        if (launches++ === mostLaunches) break
        launch()
      }
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
        this.#kept?.release(keyOf(event.id, event.execId), event.names)
        return
      case "exit":
        this.#exited(event.exit)
        return
      default:
        this.#tell(event)
    }
  }

  /** Tells an exit, unless it has been told already. */
  #exited(exit: ExitRecord): void {
    const key = keyOf(exit.id, exit.execId)
    this.#spans.delete(key)
    if (this.#told.has(key)) return
    this.#told.add(key)
    this.#tell({ type: "exit", exit })
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
