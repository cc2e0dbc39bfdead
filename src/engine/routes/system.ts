import { Failure } from "../../errors/failure.ts"
import type { HttpRequest } from "../../std/http/request.ts"
import type { Events } from "../events/contract.ts"
import type { DiskUsageType, System } from "../system/contract.ts"
import { bestAccepted } from "./accept.ts"
import { filters, flag, type QueryField, timestamp } from "./query.ts"
import { json, type Reply } from "./reply.ts"
import { type RouteTable, route } from "./route.ts"

const diskUsageTypes: QueryField<readonly DiskUsageType[]> = (values) =>
  values.map((value) => {
    if (value === "container" || value === "image" || value === "volume" || value === "build-cache") return value
    throw new Failure("invalidArgument", `unknown object type: ${value}`)
  })

const ping = route("GET|HEAD /_ping", {
  untraced: true,
  run: () => ({
    kind: "text",
    status: 200,
    text: "OK",
    headers: {
      "Builder-Version": "1",
      Swarm: "inactive",
      "Cache-Control": "no-cache, no-store, must-revalidate",
      Pragma: "no-cache",
    },
  }),
})

const noSessions = (request: HttpRequest): never => {
  const protocol = request.headers.get("upgrade")
  if (!protocol) throw new Failure("invalidArgument", "no upgrade protocol requested")
  if (protocol.toLowerCase() !== "h2c")
    throw new Failure("invalidArgument", `protocol ${protocol} not supported: only h2c is`)
  throw new Failure(
    "notFound",
    "this daemon has no BuildKit service; build with another builder and load the image with `docker load`",
  )
}

const noBuilder = (key: "POST /build" | "POST /build/cancel") =>
  route(key, {
    untraced: true,
    run: () => {
      throw new Failure(
        "notImplemented",
        "this daemon has no builder; build with another one and load the image with `docker load`",
      )
    },
  })

export const systemRoutes = (s: System, events: Events): RouteTable => [
  ping,
  route("GET /info", { run: async ({ scope }) => json(await s.info(scope)) }),
  route("GET /version", { run: async ({ scope }) => json(await s.version(scope)) }),
  route("GET /events", {
    query: {
      since: timestamp,
      until: timestamp,
      // Docker ignores keys that it does not know here.
      filters: filters(),
    },
    untraced: true,
    run: ({ scope, query, request }): Reply => {
      if (query.since !== undefined && query.until !== undefined && query.until < query.since)
        throw new Failure("invalidArgument", "`since` time cannot be after `until` time")
      const mediaType = bestAccepted(request.headers.get("accept"), [
        "application/jsonl",
        "application/x-ndjson",
        "application/json-seq",
      ])
      return { kind: "objects", values: events.subscribe(scope, query), ...(mediaType ? { mediaType } : {}) }
    },
  }),
  route("GET /system/df", {
    query: { type: diskUsageTypes, verbose: flag() },
    run: async ({ scope, query }) => json(await s.diskUsage(scope, { types: query.type, verbose: query.verbose })),
  }),
  noBuilder("POST /build"),
  noBuilder("POST /build/cancel"),
  route("POST /build/prune", {
    query: { all: flag(), filters: filters() },
    run: async ({ scope, query }) => json(await s.pruneBuildCache(scope, query)),
  }),
  route("POST /session", { untraced: true, run: ({ request }) => noSessions(request) }),
  route("POST /grpc", { untraced: true, run: ({ request }) => noSessions(request) }),
]
