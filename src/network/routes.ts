import { addRoute, deleteRoute, type RouteWay } from "../linux/addresses.ts"
import { linkByName } from "../linux/links.ts"
import type { NetlinkRequest, NetlinkSocket } from "../linux/netlink.ts"
import type { Endpoint } from "./contract.ts"

/** Where a container's packets to the world go, by family: the endpoint, or none. */
export interface DefaultWays {
  readonly ipv4?: Endpoint
  readonly ipv6?: Endpoint
}

/**
 * The endpoints with the default routes: of the highest priority, and among equals of the network that comes first by name.
 * @param byInterface whether the endpoint's network needs no gateway
 */
export function defaultWays(endpoints: readonly Endpoint[], byInterface: (endpoint: Endpoint) => boolean): DefaultWays {
  const ordered = [...endpoints].sort(
    (a, b) => b.gatewayPriority - a.gatewayPriority || (a.network < b.network ? -1 : a.network > b.network ? 1 : 0),
  )
  const ipv4 = ordered.find((endpoint) => endpoint.ipv4 && (endpoint.ipv4.gateway || byInterface(endpoint)))
  const ipv6 = ordered.find((endpoint) => endpoint.ipv6 && (endpoint.ipv6.gateway || byInterface(endpoint)))
  return { ...(ipv4 ? { ipv4 } : {}), ...(ipv6 ? { ipv6 } : {}) }
}

/** Changes a namespace's default routes from one way to the other. A route whose interface has gone went with it. */
export function changeDefaultRoutes(route: NetlinkSocket, from: DefaultWays, to: DefaultWays): void {
  const requests: NetlinkRequest[] = []
  for (const family of ["ipv4", "ipv6"] as const) {
    const [before, after] = [from[family], to[family]]
    if (before?.id === after?.id) continue
    const old = before && wayOut(route, before, family)
    if (old) requests.push(deleteRoute(old))
    const next = after && wayOut(route, after, family)
    if (next) requests.push(addRoute(next))
  }
  if (requests.length > 0) route.execute(...requests)
}

function wayOut(route: NetlinkSocket, endpoint: Endpoint, family: "ipv4" | "ipv6"): RouteWay | undefined {
  const link = linkByName(route, endpoint.containerInterface)
  if (!link) return undefined
  const gateway = endpoint[family]?.gateway
  return { index: link.index, family: family === "ipv4" ? 4 : 6, ...(gateway ? { gateway } : {}) }
}
