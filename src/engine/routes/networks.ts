import { networkConnectRequest, networkCreateRequest, networkDisconnectRequest } from "../../api/requests.ts"
import type { Networks } from "../networks/contract.ts"
import { filters, flag, text } from "./query.ts"
import { empty, json } from "./reply.ts"
import { type RouteTable, route } from "./route.ts"

const listNetworks = (n: Networks) =>
  route({
    query: { filters: filters("dangling", "driver", "id", "label", "label!", "name", "scope", "type") },
    run: async ({ scope, query }) => json(await n.list(scope, query.filters)),
  })

export const networkRoutes = (n: Networks): RouteTable => ({
  "GET /ports": route({ run: () => json(n.exposed()) }),
  "GET /networks": listNetworks(n),
  "GET /networks/": listNetworks(n),
  "GET /networks/:id": route({
    query: { verbose: flag(), scope: text },
    run: async ({ scope, params, query }) => json(await n.inspect(scope, params["id"]!, query)),
  }),
  "POST /networks/create": route({
    body: networkCreateRequest,
    run: async ({ scope, body }) => json(await n.create(scope, body), 201),
  }),
  "POST /networks/prune": route({
    query: { filters: filters("label", "label!", "until") },
    run: async ({ scope, query }) => json(await n.prune(scope, query.filters)),
  }),
  "POST /networks/:id/connect": route({
    body: networkConnectRequest,
    run: async ({ scope, params, body }) => {
      await n.connect(scope, params["id"]!, body)
      return empty(200)
    },
  }),
  "POST /networks/:id/disconnect": route({
    body: networkDisconnectRequest,
    run: async ({ scope, params, body }) => {
      await n.disconnect(scope, params["id"]!, body)
      return empty(200)
    },
  }),
  "DELETE /networks/:id": route({
    run: async ({ scope, params }) => {
      await n.remove(scope, params["id"]!)
      return empty()
    },
  }),
})
