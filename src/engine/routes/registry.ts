import { authConfig, indexPush } from "../../api/requests.ts"
import type { RegistryQueries } from "../registry/contract.ts"
import { filters, integer, textOr } from "./query.ts"
import { registryAuth, registryConfig } from "./registry-auth.ts"
import { json } from "./reply.ts"
import { type RouteTable, route } from "./route.ts"

export const registryRoutes = (r: RegistryQueries): RouteTable => [
  route("POST /auth", {
    body: authConfig,
    run: async ({ scope, body }) => json(await r.authenticate(scope, body)),
  }),
  route("GET /distribution/:name/json", {
    run: async ({ scope, params, request }) =>
      json(await r.distribution(scope, params.name, registryAuth(request.headers.get("x-registry-auth")))),
  }),
  route("GET /distribution/:name/manifest", {
    run: async ({ scope, params, request }) =>
      json(await r.manifest(scope, params.name, registryAuth(request.headers.get("x-registry-auth")))),
  }),
  route("GET /distribution/:name/referrers", {
    cancellable: true,
    run: async ({ scope, params, request }) =>
      json(await r.referrers(scope, params.name, registryAuth(request.headers.get("x-registry-auth")))),
  }),
  route("POST /distribution/:name/manifest", {
    body: indexPush,
    cancellable: true,
    run: async ({ scope, params, body, request }) => {
      const auths = registryConfig(request.headers.get("x-registry-config"))
      return json(await r.pushIndex(scope, params.name, body, auths))
    },
  }),
  route("GET /images/search", {
    query: { term: textOr(""), limit: integer, filters: filters("is-automated", "is-official", "stars") },
    run: async ({ scope, query, request }) =>
      json(await r.search(scope, { ...query, auth: registryAuth(request.headers.get("x-registry-auth")) })),
  }),
]
