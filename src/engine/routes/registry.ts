import { authConfig, indexPush } from "../../api/requests.ts"
import type { RegistryQueries } from "../registry/contract.ts"
import { filters, integer, textOr } from "./query.ts"
import { registryAuth, registryConfig } from "./registry-auth.ts"
import { json } from "./reply.ts"
import { type RouteTable, route } from "./route.ts"

export const registryRoutes = (r: RegistryQueries): RouteTable => ({
  "POST /auth": route({
    body: authConfig,
    run: async ({ scope, body }) => json(await r.authenticate(scope, body)),
  }),
  "GET /distribution/:name/json": route({
    run: async ({ scope, params, request }) =>
      json(await r.distribution(scope, params["name"]!, registryAuth(request.headers.get("x-registry-auth")))),
  }),
  "GET /distribution/:name/manifest": route({
    run: async ({ scope, params, request }) =>
      json(await r.manifest(scope, params["name"]!, registryAuth(request.headers.get("x-registry-auth")))),
  }),
  "GET /distribution/:name/referrers": route({
    cancellable: true,
    run: async ({ scope, params, request }) =>
      json(await r.referrers(scope, params["name"]!, registryAuth(request.headers.get("x-registry-auth")))),
  }),
  "POST /distribution/:name/manifest": route({
    body: indexPush,
    cancellable: true,
    run: async ({ scope, params, body, request }) => {
      const auths = registryConfig(request.headers.get("x-registry-config"))
      return json(await r.pushIndex(scope, params["name"]!, body, auths))
    },
  }),
  "GET /images/search": route({
    query: { term: textOr(""), limit: integer, filters: filters("is-automated", "is-official", "stars") },
    run: async ({ scope, query, request }) =>
      json(await r.search(scope, { ...query, auth: registryAuth(request.headers.get("x-registry-auth")) })),
  }),
})
