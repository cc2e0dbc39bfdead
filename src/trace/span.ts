import { nowNanos } from "../std/clock.ts"

/** Facts told with a span. Values are shown to people: say what was done. */
export type Attributes = Readonly<Record<string, string | number | boolean>>

/** One finished step of a trace. Times are nanoseconds since the epoch, as decimal text so that JSON keeps them exact. */
export interface SpanRecord {
  readonly traceId: string
  readonly spanId: string
  readonly parentId?: string
  /** The layer the step belongs to: `cli`, `api`, `engine`, `core`, `shim`, `runtime`, `network`. */
  readonly layer: string
  readonly name: string
  readonly start: string
  readonly end: string
  readonly attributes?: Attributes
  readonly error?: string
}

/** Where finished spans go. Must be cheap: it is called on the path somebody waits for. */
export type SpanSink = (record: SpanRecord) => void

/** A step under way. End every span exactly once; `span.step` does it. */
export class Span {
  readonly traceId: string
  readonly spanId: string
  readonly layer: string
  readonly name: string
  readonly #parentId: string | undefined
  readonly #sink: SpanSink
  readonly #start: bigint
  #attributes: Record<string, string | number | boolean> | undefined
  #ended = false

  private constructor(sink: SpanSink, layer: string, name: string, traceId: string, parentId?: string, start?: bigint) {
    this.#sink = sink
    this.layer = layer
    this.name = name
    this.traceId = traceId
    this.#parentId = parentId
    this.spanId = randomHex(8)
    this.#start = start ?? nowNanos()
  }

  /** Starts a trace, or continues the one of a W3C `traceparent` (Trace Context, section 3.2) that came from outside. */
  static root(sink: SpanSink, layer: string, name: string, traceparent?: string): Span {
    const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(traceparent ?? "")
    return match ? new Span(sink, layer, name, match[1]!, match[2]!) : new Span(sink, layer, name, randomHex(16))
  }

  /** Starts a step within this one; `layer` is this span's when not given. */
  child(name: string, layer = this.layer): Span {
    return new Span(this.#sink, layer, name, this.traceId, this.spanId)
  }

  /** Adds facts to the span. */
  set(attributes: Attributes): this {
    this.#attributes = { ...this.#attributes, ...attributes }
    return this
  }

  /** Ends the span; a second call does nothing. */
  end(error?: unknown): void {
    if (this.#ended) return
    this.#ended = true
    this.#sink({
      traceId: this.traceId,
      spanId: this.spanId,
      ...(this.#parentId ? { parentId: this.#parentId } : {}),
      layer: this.layer,
      name: this.name,
      start: this.#start.toString(),
      end: nowNanos().toString(),
      ...(this.#attributes ? { attributes: this.#attributes } : {}),
      ...(error === undefined ? {} : { error: error instanceof Error ? error.message : String(error) }),
    })
  }

  /** Runs `work` as a step within this span, ended when the work ends, with its error when it fails. */
  async step<T>(name: string, work: (span: Span) => Promise<T> | T, layer = this.layer): Promise<T> {
    const span = this.child(name, layer)
    try {
      const value = await work(span)
      span.end()
      return value
    } catch (error) {
      span.end(error)
      throw error
    }
  }

  /** Hands on spans that another process recorded for this trace. */
  adopt(records: readonly SpanRecord[]): void {
    for (const record of records) this.#sink(record)
  }

  /** The clock of all spans: nanoseconds since the epoch. */
  now(): bigint {
    return nowNanos()
  }

  /** The W3C `traceparent` header that continues this span in another process. */
  get traceparent(): string {
    return `00-${this.traceId}-${this.spanId}-01`
  }
}

/** A sink for callers that do not trace. */
export const noSink: SpanSink = () => {}

let pool = Buffer.alloc(0)
let used = 0

/** Random bytes in a batch: a span costs no system call of its own. */
function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    pool = Buffer.from(crypto.getRandomValues(new Uint8Array(4096)).buffer)
    used = 0
  }
  used += bytes
  return pool.toString("hex", used - bytes, used)
}
