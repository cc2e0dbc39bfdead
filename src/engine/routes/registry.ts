import { authConfig } from "../../api/requests.ts"
import type { RegistryQueries } from "../registry/contract.ts"
import { filters, integer, textOr } from "./query.ts"
import { registryAuth } from "./registry-auth.ts"
import { json } from "./reply.ts"
import { type RouteTable, route } from "./route.ts"

export const registryRoutes = (r: RegistryQueries): RouteTable => ({
  "POST /auth": route({
    body: authConfig,
    run: async ({ scope, body }) => json(await r.authenticate(scope, body)),
  }),
  "GET /distribution/:name/json": route({
    since: "1.30",
    run: async ({ scope, params, request }) =>
      json(await r.distribution(scope, params["name"]!, registryAuth(request.headers.get("x-registry-auth")))),
  }),
  "GET /images/search": route({
    query: { term: textOr(""), limit: integer, filters: filters("is-automated", "is-official", "stars") },
    run: async ({ scope, query, request }) =>
      json(await r.search(scope, { ...query, auth: registryAuth(request.headers.get("x-registry-auth")) })),
  }),
})
