import { networkConnectRequest, networkCreateRequest, networkDisconnectRequest } from "../../api/requests.ts"
import type { Networks } from "../networks/contract.ts"
import { filters, flag, text } from "./query.ts"
import { empty, json } from "./reply.ts"
import { type RouteTable, route } from "./route.ts"

const listNetworks = (key: "GET /networks" | "GET /networks/", n: Networks) =>
  route(key, {
    query: { filters: filters("dangling", "driver", "id", "label", "label!", "name", "scope", "type") },
    run: async ({ scope, query }) => json(await n.list(scope, query.filters)),
  })

export const networkRoutes = (n: Networks): RouteTable => [
  route("GET /ports", { run: () => json(n.exposed()) }),
  listNetworks("GET /networks", n),
  listNetworks("GET /networks/", n),
  route("GET /networks/:id", {
    query: { verbose: flag(), scope: text },
    run: async ({ scope, params, query }) => json(await n.inspect(scope, params.id, query)),
  }),
  route("POST /networks/create", {
    body: networkCreateRequest,
    run: async ({ scope, body }) => json(await n.create(scope, body), 201),
  }),
  route("POST /networks/prune", {
    query: { filters: filters("label", "label!", "until") },
    run: async ({ scope, query }) => json(await n.prune(scope, query.filters)),
  }),
  route("POST /networks/:id/connect", {
    body: networkConnectRequest,
    run: async ({ scope, params, body }) => {
      await n.connect(scope, params.id, body)
      return empty(200)
    },
  }),
  route("POST /networks/:id/disconnect", {
    body: networkDisconnectRequest,
    run: async ({ scope, params, body }) => {
      await n.disconnect(scope, params.id, body)
      return empty(200)
    },
  }),
  route("DELETE /networks/:id", {
    run: async ({ scope, params }) => {
      await n.remove(scope, params.id)
      return empty()
    },
  }),
]
