import { execCreateRequest, execStartRequest } from "../../api/requests.ts"
import { Failure } from "../../errors/failure.ts"
import type { Execs } from "../exec/contract.ts"
import { cells } from "./query.ts"
import { empty, json, type Reply } from "./reply.ts"
import { type RouteTable, route } from "./route.ts"

export const execRoutes = (e: Execs): RouteTable => [
  route("POST /containers/:id/exec", {
    body: execCreateRequest,
    run: async ({ scope, params, body }) => {
      if (!body.Cmd || body.Cmd.length === 0) throw new Failure("invalidArgument", "No exec command specified")
      return json(await e.create(scope, params.id, body), 201)
    },
  }),
  route("POST /exec/:id/start", {
    body: execStartRequest,
    run: async ({ scope, params, body }): Promise<Reply> => {
      if (!body.Detach) return { kind: "hijack", attachment: await e.start(scope, params.id, body), bare: false }
      await e.startDetached(scope, params.id, body)
      return empty(200)
    },
  }),
  route("POST /exec/:id/resize", {
    query: { h: cells("height"), w: cells("width") },
    run: async ({ scope, params, query }) => {
      await e.resize(scope, params.id, { height: query.h, width: query.w })
      return empty(200)
    },
  }),
  route("GET /exec/:id/json", {
    run: async ({ scope, params }) => json(await e.inspect(scope, params.id)),
  }),
]
