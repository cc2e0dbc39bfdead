import type { Scope } from "../../core/scope.ts"
import { isKind } from "../../errors/failure.ts"
import type { Containers } from "../containers/contract.ts"
import type { Traces } from "../traces/contract.ts"
import { json } from "./reply.ts"
import { type RouteTable, route } from "./route.ts"

/** The full ID of a container, or `ref` itself: the trace of a removed container can still be asked for by its ID. */
async function fullId(scope: Scope, containers: Containers, ref: string): Promise<string> {
  try {
    return (await containers.inspect(scope, ref, { size: false })).Id
  } catch (error) {
    if (isKind(error, "notFound") && /^[0-9a-f]{64}$/.test(ref)) return ref
    throw error
  }
}

/** Barge's own: what happened on the way of a request or a container, as a list of spans. */
export const traceRoutes = (traces: Traces, containers: Containers): RouteTable => [
  route("GET /containers/:id/trace", {
    untraced: true,
    run: async ({ scope, params }) => json(await traces.ofContainer(scope, await fullId(scope, containers, params.id))),
  }),
  route("GET /barge/traces/:traceId", {
    untraced: true,
    run: async ({ scope, params }) => json(await traces.get(scope, params.traceId)),
  }),
]
