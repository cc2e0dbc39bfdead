import { Failure, messageOf } from "../errors/failure.ts"
import { addAddress } from "../linux/addresses.ts"
import { linkByName } from "../linux/links.ts"
import type { NetlinkSocket } from "../linux/netlink.ts"
import { newId } from "../std/id.ts"
import { changeMac } from "./attachment.ts"
import type { Endpoint, EndpointRequest } from "./contract.ts"
import type { Departures } from "./departures.ts"
import { type Attached, type AttachmentWish, isFull, type LocalNetwork } from "./local-network.ts"
import type { Names } from "./names.ts"
import { dropNamespace, enterNamespace, type NewNamespace } from "./namespaces.ts"
import { type ReadyPlace, ReadyPlaces } from "./ready.ts"
import { isOfUser } from "./resolution.ts"
import { changeDefaultRoutes, type DefaultWays, defaultWays } from "./routes.ts"

export interface PlacementOptions {
  readonly names: Names
  readonly folder: string
  readonly departures: Departures
  readonly networks: ReadonlyMap<string, LocalNetwork>
  readonly defaultNetwork: LocalNetwork | undefined
  readonly poolSize: number
  readonly log: (message: string) => void
}

/** A namespace that a container gets, in its first network already when a place was ready there. */
export interface Place {
  readonly namespace: NewNamespace
  /** What it is attached to the first network by. */
  readonly attached?: Attached
  /** Whether a place of the first network was ready. */
  readonly ready: number
}

/** Namespaces and the interfaces in them: what a sandbox is made of. It keeps no account of who has which. */
export class Placement implements AsyncDisposable {
  readonly #options: PlacementOptions
  readonly #ready: ReadyPlaces

  constructor(options: PlacementOptions) {
    this.#options = options
    this.#ready = new ReadyPlaces({
      folder: options.folder,
      names: options.names,
      size: options.poolSize,
      defaultNetwork: options.defaultNetwork,
      prepare: (network, namespace) => this.#prepare(network, namespace),
      discard: (network, place) => this.#discard(network, place),
      log: options.log,
    })
  }

  /** @throws notFound */
  network(networkId: string): LocalNetwork {
    const network = this.#options.networks.get(networkId)
    if (!network) throw new Failure("notFound", `network ${networkId} not found`)
    return network
  }

  /** A namespace for a container with these endpoints; {@link drop} lets go of it. @throws what making it threw */
  async take([first, ...others]: readonly EndpointRequest[]): Promise<Place> {
    const network = first && this.network(first.networkId)
    const ready = network ? this.#ready.ready(network) : 0
    // A ready place has an interface of the usual name, and perhaps no IPv6 and no name server for further networks.
    const special =
      first?.interfaceName !== undefined ||
      others.some((each) => this.#hasIpv6(each.networkId) || (first && isOfUser(each) && !isOfUser(first)))
    if (!network || special) return { namespace: await this.#ready.bare(), ready }
    const taken = await this.#ready.take(network, wishOf(first)).catch((error) => {
      if (!isFull(error)) throw error
      // Attaching makes room, where there is any to be made.
      return this.#ready.bare()
    })
    if (!("attached" in taken)) return { namespace: taken, ready }
    return { ...this.#adapt(network, taken, first), ready }
  }

  /** Lets go of a namespace that has been taken. */
  drop(path: string, sockets: Disposable): void {
    try {
      dropNamespace(path, sockets)
    } catch (error) {
      this.#options.log(`networks: ${messageOf(error)}`)
    }
  }

  /**
   * Makes an interface in a namespace. The network's `release` takes back its addresses.
   * @param hostInterface what its end on the host is called when it is the container's first
   */
  attach(
    hostInterface: string,
    place: { readonly path: string; readonly route: NetlinkSocket },
    request: EndpointRequest,
    others: readonly Endpoint[],
  ): Attached {
    const network = this.network(request.networkId)
    const used = new Set(others.map(({ containerInterface }) => containerInterface))
    let number = 0
    while (used.has(`${network.options.interfacePrefix}${number}`)) number++
    const name = request.interfaceName ?? `${network.options.interfacePrefix}${number}`
    const end = others.length === 0 ? hostInterface : this.#options.names.next()
    for (;;) {
      try {
        return this.#attachTo(network, end, place, wishOf(request), name)
      } catch (error) {
        if (!isFull(error) || !this.#makeRoom(network)) throw error
      }
    }
  }

  /** Frees a port of a full bridge that no container has. @returns false when containers have them all */
  #makeRoom(network: LocalNetwork): boolean {
    const { departures } = this.#options
    return departures.hurry(network.index) || (this.#ready.giveUp(network) && departures.hurry(network.index))
  }

  /** Where packets to the world go with these endpoints. */
  ways(endpoints: readonly Endpoint[]): DefaultWays {
    return defaultWays(endpoints, (each) => this.#options.networks.get(each.networkId)?.routesByInterface ?? false)
  }

  /** Writes the sysctls that were asked for with endpoints. */
  async writeSysctls(
    path: string,
    requests: readonly EndpointRequest[],
    endpoints: readonly Endpoint[],
  ): Promise<void> {
    const all: Record<string, string> = {}
    for (const { networkId, sysctls } of requests) {
      const name = endpoints.find((each) => each.networkId === networkId)?.containerInterface ?? ""
      for (const [file, value] of Object.entries(sysctls ?? {})) all[file.replace(/IFNAME/i, name)] = value
    }
    if (Object.keys(all).length > 0) (await enterNamespace(path, {}, all))[Symbol.dispose]()
  }

  /** Lets go of places that are ready in a network. */
  cool(network: LocalNetwork): void {
    this.#ready.cool(network)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ready.close()
  }

  #hasIpv6(networkId: string): boolean {
    return this.#options.networks.get(networkId)?.record.ipv6 ?? false
  }

  /** A place in a network for the pool. */
  #prepare(network: LocalNetwork, namespace: NewNamespace): ReadyPlace {
    let attached: Attached | undefined
    try {
      attached = this.#attachTo(network, namespace.name, namespace, {}, `${network.options.interfacePrefix}0`)
      const request = { networkId: network.record.id, names: [], links: {}, gatewayPriority: 0 }
      const endpoint = endpointOf(attached, request, network)
      changeDefaultRoutes(
        namespace.route,
        {},
        defaultWays([endpoint], () => network.routesByInterface),
      )
      return { namespace, attached }
    } catch (error) {
      if (attached) network.release(attached, false)
      dropNamespace(namespace.path, namespace)
      throw error
    }
  }

  #discard(network: LocalNetwork, { namespace, attached }: ReadyPlace): void {
    network.release(attached, false)
    this.drop(namespace.path, namespace)
    if (attached.hostInterface) this.#options.departures.expect(attached.hostInterface)
  }

  /** A ready place as a container wants it. When it throws it has let go of the place. */
  #adapt(network: LocalNetwork, { namespace, attached }: ReadyPlace, { macAddress }: EndpointRequest): ReadyPlace {
    try {
      if (!macAddress || macAddress.toLowerCase() === attached.macAddress) return { namespace, attached }
      changeMac(namespace.route, linkByName(namespace.route, attached.containerInterface)!.index, macAddress)
      return { namespace, attached: { ...attached, macAddress: macAddress.toLowerCase() } }
    } catch (error) {
      network.release(attached, false)
      this.drop(namespace.path, namespace)
      throw error
    }
  }

  #attachTo(
    network: LocalNetwork,
    hostInterface: string,
    place: { readonly path: string; readonly route: NetlinkSocket },
    wish: AttachmentWish,
    name: string,
  ): Attached {
    // An address that is asked for may lie in a place that is kept ready.
    if (wish.ipv4 !== undefined || wish.ipv6 !== undefined) this.#ready.cool(network)
    const plan = network.plan(name, wish)
    try {
      return network.attach(hostInterface, place, plan)
    } catch (error) {
      network.abandon(plan)
      throw error
    }
  }
}

/** The record of an interface that was made. */
export const endpointOf = (attached: Attached, request: EndpointRequest, { record }: LocalNetwork): Endpoint => ({
  ...attached,
  id: newId(),
  networkId: record.id,
  network: record.name,
  names: request.names,
  links: request.links,
  gatewayPriority: request.gatewayPriority,
})

/** Gives an interface its further addresses. */
export function addLinkLocal(route: NetlinkSocket, endpoint: Endpoint, { linkLocal = [] }: EndpointRequest): void {
  if (linkLocal.length === 0) return
  const { index } = linkByName(route, endpoint.containerInterface)!
  route.execute(...linkLocal.map((text) => addAddress(index, text, text.includes(":") ? 64 : 16)))
}

function wishOf({ macAddress, ipv4, ipv6, before, withoutIpv6 }: EndpointRequest): AttachmentWish {
  return {
    ...(macAddress ? { macAddress } : {}),
    ...(ipv4 ? { ipv4 } : {}),
    ...(ipv6 ? { ipv6 } : {}),
    ...(before && !ipv4 ? { before } : {}),
    ...(withoutIpv6 ? { withoutIpv6 } : {}),
  }
}
