import type { SpanRecord, SpanSink } from "../../trace/span.ts"

/** Where spans are exported to. */
export interface OtlpTarget {
  /** The full URL, `…/v1/traces`. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

const maxQueued = 8192
const batchSize = 512
const interval = 2000
const sendTimeout = 10_000

/**
 * The target named by a flag or by OpenTelemetry's environment variables (OTLP exporter specification).
 * @param endpoint a base URL; wins over the environment
 * @returns undefined when nobody asked for an export
 */
export function otlpTarget(
  endpoint: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): OtlpTarget | undefined {
  const own = environment["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
  const base = endpoint || environment["OTEL_EXPORTER_OTLP_ENDPOINT"]
  const url = !endpoint && own ? own : base && `${base.replace(/\/+$/, "")}/v1/traces`
  if (!url) return undefined
  const pairs = environment["OTEL_EXPORTER_OTLP_TRACES_HEADERS"] ?? environment["OTEL_EXPORTER_OTLP_HEADERS"] ?? ""
  const headers = Object.fromEntries(
    pairs
      .split(",")
      .filter((pair) => pair.includes("="))
      .map((pair) => {
        const cut = pair.indexOf("=")
        return [pair.slice(0, cut).trim(), decodeURIComponent(pair.slice(cut + 1).trim())]
      }),
  )
  return { url, headers }
}

/** Sends spans in batches, in the background. A collector that does not answer costs the oldest spans, nothing else. */
export class OtlpExporter implements AsyncDisposable {
  readonly #target: OtlpTarget
  #queue: SpanRecord[] = []
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> = Promise.resolve()

  constructor(target: OtlpTarget) {
    this.#target = target
  }

  readonly sink: SpanSink = (record) => {
    this.#queue.push(record)
    if (this.#queue.length > maxQueued) this.#queue.splice(0, batchSize)
    this.#timer ??= setTimeout(() => void this.flush(), interval).unref()
  }

  /** Sends what is queued. Never rejects. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#sending = this.#sending.then(async () => {
      while (this.#queue.length > 0) await this.#send(this.#queue.splice(0, batchSize))
    })
    return this.#sending
  }

  async #send(batch: readonly SpanRecord[]): Promise<void> {
    try {
      const response = await fetch(this.#target.url, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...this.#target.headers },
        body: JSON.stringify(otlpBody(batch)),
        signal: AbortSignal.timeout(sendTimeout),
      })
      await response.arrayBuffer()
    } catch {
      // The collector is away: these spans are still in the trace store.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush()
  }
}

/** OTLP/HTTP in JSON (opentelemetry-proto, ExportTraceServiceRequest). */
export function otlpBody(spans: readonly SpanRecord[]): object {
  const byLayer = new Map<string, SpanRecord[]>()
  for (const span of spans) {
    const others = byLayer.get(span.layer)
    if (others) others.push(span)
    else byLayer.set(span.layer, [span])
  }
  return {
    resourceSpans: [
      {
        resource: { attributes: [{ key: "service.name", value: { stringValue: "barge" } }] },
        scopeSpans: [...byLayer].map(([layer, records]) => ({ scope: { name: layer }, spans: records.map(otlpSpan) })),
      },
    ],
  }
}

function otlpSpan(span: SpanRecord): object {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentId ? { parentSpanId: span.parentId } : {}),
    name: span.name,
    kind: 1,
    startTimeUnixNano: span.start,
    endTimeUnixNano: span.end,
    attributes: Object.entries(span.attributes ?? {}).map(([key, value]) => ({ key, value: otlpValue(value) })),
    status: span.error === undefined ? {} : { code: 2, message: span.error },
  }
}

function otlpValue(value: string | number | boolean): object {
  if (typeof value === "string") return { stringValue: value }
  if (typeof value === "boolean") return { boolValue: value }
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}
