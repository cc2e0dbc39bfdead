import { addRoute, deleteRoute, type RouteWay } from "../linux/addresses.ts"
import { SystemError } from "../linux/libc.ts"
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

/**
 * Changes a namespace's default routes from one way to the other, all or none. A route whose interface has gone went with it, and
 * one that the container removed itself is not missed.
 * @throws SystemError; EEXIST when the container has a default route of its own making
 */
export function changeDefaultRoutes(route: NetlinkSocket, from: DefaultWays, to: DefaultWays): void {
  const undo: NetlinkRequest[] = []
  try {
    for (const family of ["ipv4", "ipv6"] as const) {
      const [before, after] = [from[family], to[family]]
      if (before?.id === after?.id) continue
      const old = before && wayOut(route, before, family)
      if (old && attempt(route, deleteRoute(old))) undo.unshift(addRoute(old))
      const next = after && wayOut(route, after, family)
      if (!next) continue
      route.execute(addRoute(next))
      undo.unshift(deleteRoute(next))
    }
  } catch (error) {
    for (const step of undo) attempt(route, step)
    throw error
  }
}

/** @returns false when the kernel refuses: for what is not there, or is there already */
function attempt(route: NetlinkSocket, request: NetlinkRequest): boolean {
  try {
    route.execute(request)
    return true
  } catch (error) {
    if (error instanceof SystemError) return false
    throw error
  }
}

function wayOut(route: NetlinkSocket, endpoint: Endpoint, family: "ipv4" | "ipv6"): RouteWay | undefined {
  const link = linkByName(route, endpoint.containerInterface)
  if (!link) return undefined
  const gateway = endpoint[family]?.gateway
  return { index: link.index, family: family === "ipv4" ? 4 : 6, ...(gateway ? { gateway } : {}) }
}
