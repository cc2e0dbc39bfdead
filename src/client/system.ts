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

/** What `docker system df` is made of; `LayersSize` in bytes. */
export type DiskUsageLists = {
  readonly [Name in "LayersSize" | "Images" | "Containers" | "Volumes" | "BuildCache"]-?: NonNullable<
    DiskUsageResponse[Name]
  >
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

  /** What everything takes, as lists: daemons since 1.52 have them as items of the usages when they are asked for them. */
  async diskUsage(types: readonly string[] = []): Promise<DiskUsageLists> {
    const usage = await this.#transport.json<DiskUsageResponse>("GET", "/system/df", {
      query: { type: types, verbose: "1" },
    })
    return {
      LayersSize: usage.ImageUsage?.TotalSize ?? usage.LayersSize ?? 0,
      Images: usage.ImageUsage?.Items ?? usage.Images ?? [],
      Containers: usage.ContainerUsage?.Items ?? usage.Containers ?? [],
      Volumes: usage.VolumeUsage?.Items ?? usage.Volumes ?? [],
      BuildCache: usage.BuildCacheUsage?.Items ?? usage.BuildCache ?? [],
    }
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
