import type { WaitResponse } from "../../api/container.ts"
import { checkpointRequest, containerConfig, createRequest, updateRequest } from "../../api/requests.ts"
import { Failure, kindOf, messageOf } from "../../errors/failure.ts"
import type { Containers } from "../containers/contract.ts"
import type { WaitCondition } from "../containers/lifecycle/contract.ts"
import type { ContainerAttachOptions } from "../containers/stdio/contract.ts"
import { cells, filters, flag, fromCompat, integer, repeated, text, textOr, timestamp } from "./query.ts"
import { empty, json, type Reply } from "./reply.ts"
import { type RouteTable, route } from "./route.ts"

const listFilters = filters(
  "ancestor",
  "annotation",
  "before",
  "exited",
  "expose",
  "health",
  "id",
  "is-task",
  "isolation",
  "label",
  "name",
  "network",
  "publish",
  "since",
  "status",
  "volume",
)
const stopQuery = { signal: text, t: integer }
const attachQuery = {
  logs: flag(),
  stream: flag(),
  stdin: flag(),
  stdout: flag(),
  stderr: flag(),
  detachKeys: text,
}

function attachOptions(query: Omit<ContainerAttachOptions, "raw">, raw: boolean): ContainerAttachOptions {
  return { ...query, raw }
}

function waitCondition(condition: string | undefined): WaitCondition {
  if (condition === undefined) return "not-running"
  if (condition === "not-running" || condition === "next-exit" || condition === "removed") return condition
  throw new Failure("invalidArgument", `invalid condition: ${JSON.stringify(condition)}`)
}

/** What is told of a wait that failed after its head was sent. */
const waitFailure = (error: unknown): WaitResponse => ({ StatusCode: -1, Error: { Message: messageOf(error) } })

export const containerRoutes = (c: Containers): RouteTable => [
  route("GET /containers/json", {
    query: { all: flag(), limit: integer, size: flag(), filters: listFilters },
    run: async ({ scope, query }) => json(await c.list(scope, { ...query, limit: query.limit ?? 0 })),
  }),
  route("POST /containers/create", {
    query: { name: text, platform: text, shallowReadOnly: fromCompat, warnsOfEmptyPorts: fromCompat },
    optionalBody: createRequest,
    run: async ({ scope, query, body, request }) => {
      if (!request.hasBody) throw new Failure("invalidArgument", "invalid JSON: got EOF while reading request body")
      if (!body) throw new Failure("invalidArgument", "config cannot be empty in order to create a container")
      return json(await c.create(scope, body, query), 201)
    },
  }),
  route("POST /containers/prune", {
    query: { filters: filters("label", "label!", "until") },
    run: async ({ scope, query }) => json(await c.prune(scope, query.filters)),
  }),
  route("GET /containers/:id/json", {
    query: { size: flag() },
    run: async ({ scope, params, query }) => json(await c.inspect(scope, params.id, query)),
  }),
  route("GET /containers/:id/top", {
    query: { ps_args: textOr("-ef") },
    run: async ({ scope, params, query }) => json(await c.top(scope, params.id, query.ps_args)),
  }),
  route("GET /containers/:id/logs", {
    query: {
      follow: flag(),
      stdout: flag(),
      stderr: flag(),
      since: timestamp,
      until: timestamp,
      timestamps: flag(),
      tail: text,
      details: flag(),
    },
    run: async ({ scope, params, query }): Promise<Reply> => {
      if (!query.stdout && !query.stderr)
        throw new Failure("invalidArgument", "Bad parameters: you must choose at least one stream")
      const tail = query.tail !== undefined && /^\d{1,15}$/.test(query.tail) ? Number(query.tail) : undefined
      // 0 is the default of clients: no bound.
      const bounds = { since: query.since || undefined, until: query.until || undefined }
      const log = await c.logs(scope, params.id, { ...query, ...bounds, tail })
      return { kind: "stdio", ...log }
    },
  }),
  route("GET /containers/:id/changes", {
    run: async ({ scope, params }) => json(await c.changes(scope, params.id)),
  }),
  route("GET /containers/:id/export", {
    run: async ({ scope, params }): Promise<Reply> => ({
      kind: "bytes",
      contentType: "application/octet-stream",
      chunks: await c.exportTree(scope, params.id),
    }),
  }),
  route("GET /containers/:id/stats", {
    query: { stream: flag(true), "one-shot": flag() },
    run: async ({ scope, params, query }): Promise<Reply> => {
      if (query.stream && query["one-shot"])
        throw new Failure("invalidArgument", "cannot have stream=true and one-shot=true")
      const values = await c.stats(scope, params.id, { stream: query.stream, oneShot: query["one-shot"] })
      return { kind: "objects", values, mediaType: "application/json" }
    },
  }),
  route("GET /containers/:id/attach/ws", {
    query: attachQuery,
    run: async ({ scope, params, query }): Promise<Reply> => ({
      kind: "websocket",
      attachment: await c.attach(scope, params.id, attachOptions(query, true)),
    }),
  }),
  route("POST /containers/:id/attach", {
    query: attachQuery,
    failures: "hijacked",
    run: async ({ scope, params, query }): Promise<Reply> => ({
      kind: "hijack",
      attachment: await c.attach(scope, params.id, attachOptions(query, false)),
      bare: true,
    }),
  }),
  route("GET /containers/:id/checkpoints", {
    experimental: true,
    query: { dir: textOr("") },
    run: async ({ scope, params, query }) => json(await c.checkpoints(scope, params.id, query.dir)),
  }),
  route("POST /containers/:id/checkpoints", {
    experimental: true,
    body: checkpointRequest,
    run: async ({ scope, params, body }) => {
      await c.createCheckpoint(scope, params.id, body)
      return empty(201)
    },
  }),
  route("DELETE /containers/:id/checkpoints/:checkpoint", {
    experimental: true,
    query: { dir: textOr("") },
    run: async ({ scope, params, query }) => {
      await c.deleteCheckpoint(scope, params.id, params.checkpoint, query.dir)
      return empty()
    },
  }),
  route("POST /containers/:id/start", {
    query: { detachKeys: text, checkpoint: text, "checkpoint-dir": textOr("") },
    run: async ({ scope, params, query, request }) => {
      const length = request.headers.get("content-length")
      if (request.hasBody && !(Number(length) <= 7))
        throw new Failure(
          "invalidArgument",
          "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24",
        )
      const { checkpoint: name, "checkpoint-dir": dir } = query
      await c.start(scope, params.id, name ? { checkpoint: { name, dir } } : {})
      return empty()
    },
  }),
  route("POST /containers/:id/stop", {
    query: stopQuery,
    run: async ({ scope, params, query }) => {
      await c.stop(scope, params.id, { signal: query.signal, timeout: query.t })
      return empty()
    },
  }),
  route("POST /containers/:id/restart", {
    query: stopQuery,
    run: async ({ scope, params, query }) => {
      await c.restart(scope, params.id, { signal: query.signal, timeout: query.t })
      return empty()
    },
  }),
  route("POST /containers/:id/kill", {
    query: { signal: text },
    run: async ({ scope, params, query }) => {
      await c.kill(scope, params.id, query).catch((error) => {
        throw new Failure(kindOf(error), `cannot kill container: ${params.id}: ${messageOf(error)}`, error)
      })
      return empty()
    },
  }),
  route("POST /containers/:id/pause", {
    run: async ({ scope, params }) => {
      await c.pause(scope, params.id)
      return empty()
    },
  }),
  route("POST /containers/:id/unpause", {
    run: async ({ scope, params }) => {
      await c.unpause(scope, params.id)
      return empty()
    },
  }),
  route("POST /containers/:id/wait", {
    query: { condition: text },
    cancellable: true,
    run: async ({ scope, params, query }): Promise<Reply> => {
      const { result } = await c.wait(scope, params.id, waitCondition(query.condition))
      return { kind: "late", value: result.catch(waitFailure) }
    },
  }),
  route("POST /containers/:id/resize", {
    query: { h: cells("height"), w: cells("width") },
    run: async ({ scope, params, query }) => {
      await c.resize(scope, params.id, { height: query.h, width: query.w })
      return empty(200)
    },
  }),
  route("POST /containers/:id/rename", {
    query: { name: textOr("") },
    run: async ({ scope, params, query }) => {
      await c.rename(scope, params.id, query.name)
      return empty()
    },
  }),
  route("POST /containers/:id/update", {
    body: updateRequest,
    run: async ({ scope, params, body }) => json(await c.update(scope, params.id, body)),
  }),
  route("DELETE /containers/", {
    run: () => {
      throw new Failure("invalidArgument", 'invalid name or ID supplied: ""')
    },
  }),
  route("DELETE /containers/:id", {
    query: { force: flag(), v: flag(), link: flag() },
    run: async ({ scope, params, query }) => {
      await c.remove(scope, params.id, { force: query.force, volumes: query.v, link: query.link })
      return empty()
    },
  }),
  route("POST /commit", {
    query: {
      container: textOr(""),
      repo: text,
      tag: text,
      comment: text,
      author: text,
      pause: flag(true),
      changes: repeated,
    },
    optionalBody: containerConfig,
    run: async ({ scope, query, body: config }) => {
      const { repo: repository, ...rest } = query
      return json(await c.commit(scope, { ...rest, repository, config }), 201)
    },
  }),
]
