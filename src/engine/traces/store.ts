import { mkdirSync } from "node:fs"
import { readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Scope } from "../../core/scope.ts"
import { Failure } from "../../errors/failure.ts"
import type { Span, SpanRecord, SpanSink } from "../../trace/span.ts"
import type { Traces } from "./contract.ts"

export interface TraceStoreOptions {
  /** Where the traces of containers are kept; made when absent. */
  readonly directory: string
  /** Also gets every span. */
  readonly exporter?: SpanSink
}

const tracesInMemory = 1000
const spansPerTrace = 1000
const tracesPerContainer = 20
const containersOnDisk = 1000
const flushDelay = 300

interface Trace {
  readonly spans: SpanRecord[]
  /** The containers it is kept with. */
  readonly containers: Set<string>
}

type Kept = Map<string, readonly SpanRecord[]>

/**
 * The newest traces in memory; those of containers also as files, `CONTAINER.json`, written a moment later in the background.
 * Everything is bounded, so traces of containers that were removed need not be forgotten by hand.
 */
export class TraceStore implements Traces, AsyncDisposable {
  readonly #directory: string
  readonly #exporter: SpanSink | undefined
  readonly #traces = new Map<string, Trace>()
  readonly #dirty = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(options: TraceStoreOptions) {
    this.#directory = options.directory
    this.#exporter = options.exporter
    mkdirSync(options.directory, { recursive: true, mode: 0o700 })
  }

  readonly sink: SpanSink = (record) => {
    const trace = this.#trace(record.traceId)
    if (trace.spans.length < spansPerTrace) trace.spans.push(record)
    for (const container of trace.containers) this.#touch(container)
    this.#exporter?.(record)
  }

  keep(containerId: string, span: Span): void {
    this.#trace(span.traceId).containers.add(containerId)
    this.#touch(containerId)
  }

  async get(_scope: Scope, traceId: string): Promise<readonly SpanRecord[]> {
    const trace = this.#traces.get(traceId)
    if (!trace)
      throw new Failure("notFound", `no trace ${traceId}: only the newest ${tracesInMemory} are kept; ask by container`)
    return inOrder(trace.spans)
  }

  async ofContainer(_scope: Scope, containerId: string): Promise<readonly SpanRecord[]> {
    await this.flush()
    const kept = await this.#read(containerId)
    if (kept.size === 0) throw new Failure("notFound", `no trace is kept of container ${containerId}`)
    return inOrder([...kept.values()].flat())
  }

  forget(containerId: string): void {
    this.#dirty.delete(containerId)
    for (const trace of this.#traces.values()) trace.containers.delete(containerId)
    this.#writing = this.#writing.then(() => rm(this.#file(containerId), { force: true }))
  }

  /** Writes what is not on disk yet. Never rejects: a trace is not worth a failure. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing = this.#writing.then(async () => {
      const containers = [...this.#dirty]
      this.#dirty.clear()
      for (const container of containers) await this.#write(container).catch(() => {})
      if (containers.length > 0) await this.#prune().catch(() => {})
    })
    return this.#writing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush()
  }

  #trace(traceId: string): Trace {
    let trace = this.#traces.get(traceId)
    if (!trace) {
      trace = { spans: [], containers: new Set() }
      this.#traces.set(traceId, trace)
      if (this.#traces.size > tracesInMemory) this.#traces.delete(this.#traces.keys().next().value!)
    }
    return trace
  }

  #touch(containerId: string): void {
    this.#dirty.add(containerId)
    this.#timer ??= setTimeout(() => void this.flush(), flushDelay).unref()
  }

  #file(containerId: string): string {
    if (!/^[0-9A-Za-z_.-]+$/.test(containerId) || containerId.startsWith("."))
      throw new Failure("invalidArgument", `not a container ID: ${containerId}`)
    return join(this.#directory, `${containerId}.json`)
  }

  async #read(containerId: string): Promise<Kept> {
    try {
      return new Map(JSON.parse(await readFile(this.#file(containerId), "utf8")) as [string, SpanRecord[]][])
    } catch (error) {
      if (error instanceof Failure) throw error
      return new Map()
    }
  }

  async #write(containerId: string): Promise<void> {
    const kept = await this.#read(containerId)
    for (const [traceId, trace] of this.#traces) {
      if (trace.containers.has(containerId) && trace.spans.length >= (kept.get(traceId)?.length ?? 0))
        kept.set(traceId, trace.spans)
    }
    const newest = [...kept].slice(-tracesPerContainer)
    if (newest.length === 0) return
    const path = this.#file(containerId)
    await writeFile(`${path}.new`, JSON.stringify(newest), { mode: 0o600 })
    await rename(`${path}.new`, path)
  }

  /** Removes the files of the containers that were heard of longest ago. */
  async #prune(): Promise<void> {
    const names = await readdir(this.#directory)
    if (names.length <= containersOnDisk) return
    const aged = await Promise.all(
      names.map(async (name) => ({ name, at: (await stat(join(this.#directory, name))).mtimeMs })),
    )
    aged.sort((a, b) => a.at - b.at)
    // A tenth at once, so that not every write has to look.
    for (const { name } of aged.slice(0, names.length - Math.floor(containersOnDisk * 0.9)))
      await rm(join(this.#directory, name), { force: true })
  }
}

function inOrder(spans: readonly SpanRecord[]): readonly SpanRecord[] {
  return spans.toSorted((a, b) => (BigInt(a.start) < BigInt(b.start) ? -1 : 1))
}
