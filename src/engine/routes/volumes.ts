import { volumeCreateRequest } from "../../api/requests.ts"
import { Failure } from "../../errors/failure.ts"
import type { Volumes } from "../volumes/contract.ts"
import { filters, flag } from "./query.ts"
import { empty, json } from "./reply.ts"
import { type RouteTable, route } from "./route.ts"

export const volumeRoutes = (v: Volumes): RouteTable => [
  route("GET /volumes", {
    query: { filters: filters("dangling", "driver", "label", "label!", "name") },
    run: async ({ scope, query }) => json(await v.list(scope, query.filters)),
  }),
  route("POST /volumes/create", {
    body: volumeCreateRequest,
    run: async ({ scope, body }) => json(await v.create(scope, body), 201),
  }),
  route("POST /volumes/prune", {
    query: { filters: filters("label", "label!", "all") },
    run: async ({ scope, query }) => json(await v.prune(scope, query.filters)),
  }),
  route("GET /volumes/:name", {
    run: async ({ scope, params }) => json(await v.inspect(scope, params.name)),
  }),
  route("PUT /volumes/:name", {
    since: "1.42",
    run: () => {
      throw new Failure("unavailable", "volume update only valid for cluster volumes, but swarm is unavailable")
    },
  }),
  route("DELETE /volumes/:name", {
    query: { force: flag() },
    run: async ({ scope, params, query }) => {
      await v.remove(scope, params.name, query)
      return empty()
    },
  }),
]
