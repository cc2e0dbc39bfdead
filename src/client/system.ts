import type { EventMessage } from "../api/events.ts"
import type { DiskUsageResponse, InfoResponse, VersionResponse } from "../api/system.ts"
import type { SpanRecord } from "../trace/span.ts"
import { jsonValues } from "./json-stream.ts"
import type { ClientFilters } from "./query.ts"
import type { Transport } from "./transport.ts"

/** `since` and `until` are "seconds[.nanoseconds]". */
export interface EventsQuery {
  readonly since?: string
  readonly until?: string
  readonly filters?: ClientFilters
  readonly signal?: AbortSignal
}

/** `/version`, `/info`, `/events`, `/system/df`, and Barge's own `/barge/…`. */
export class SystemClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  version(): Promise<VersionResponse> {
    return this.#transport.json("GET", "/version")
  }

  info(): Promise<InfoResponse> {
    return this.#transport.json("GET", "/info")
  }

  diskUsage(types: readonly string[] = []): Promise<DiskUsageResponse> {
    return this.#transport.json("GET", "/system/df", { query: { type: types } })
  }

  /** Events as they happen, until `until` or the signal. */
  async *events(query: EventsQuery): AsyncGenerator<EventMessage> {
    yield* await this.openEvents(query)
  }

  /** The same; resolves when the daemon has begun to listen. */
  async openEvents({ signal, ...query }: EventsQuery): Promise<AsyncIterable<EventMessage>> {
    const response = await this.#transport.request("GET", "/events", { query, signal })
    return jsonValues<EventMessage>(response.body)
  }

  /** The spans that the daemon recorded of a trace. @throws notFound */
  trace(traceId: string): Promise<readonly SpanRecord[]> {
    return this.#transport.json("GET", `/barge/traces/${traceId}`)
  }
}
