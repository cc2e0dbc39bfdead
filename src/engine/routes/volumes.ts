import { volumeCreateRequest } from "../../api/requests.ts"
import { Failure } from "../../errors/failure.ts"
import type { Volumes } from "../volumes/contract.ts"
import { filters, flag } from "./query.ts"
import { empty, json } from "./reply.ts"
import { type RouteTable, route } from "./route.ts"

export const volumeRoutes = (v: Volumes): RouteTable => ({
  "GET /volumes": route({
    query: { filters: filters("dangling", "driver", "label", "label!", "name") },
    run: async ({ scope, query }) => json(await v.list(scope, query.filters)),
  }),
  "POST /volumes/create": route({
    body: volumeCreateRequest,
    run: async ({ scope, body }) => json(await v.create(scope, body), 201),
  }),
  "POST /volumes/prune": route({
    query: { filters: filters("label", "label!", "all") },
    run: async ({ scope, query }) => json(await v.prune(scope, query.filters)),
  }),
  "GET /volumes/:name": route({
    run: async ({ scope, params }) => json(await v.inspect(scope, params["name"]!)),
  }),
  "PUT /volumes/:name": route({
    since: "1.42",
    run: () => {
      throw new Failure("unavailable", "volume update only valid for cluster volumes, but swarm is unavailable")
    },
  }),
  "DELETE /volumes/:name": route({
    query: { force: flag() },
    run: async ({ scope, params, query }) => {
      await v.remove(scope, params["name"]!, query)
      return empty()
    },
  }),
})
