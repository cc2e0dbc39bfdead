import { Failure, messageOf } from "../errors/failure.ts"
import { addAddress } from "../linux/addresses.ts"
import { deleteLink, linkByName } from "../linux/links.ts"
import type { NetlinkSocket } from "../linux/netlink.ts"
import { newId } from "../std/id.ts"
import type { Span } from "../trace/span.ts"
import { changeMac } from "./attachment.ts"
import type { DescriptorHolder, Endpoint, EndpointRequest, JoinOptions, Records, Sandbox } from "./contract.ts"
import type { Departures } from "./departures.ts"
import { NameService } from "./dns/service.ts"
import type { Attached, AttachmentWish, LocalNetwork } from "./local-network.ts"
import type { Names } from "./names.ts"
import { dropNamespace, enterNamespace, type NamespaceSockets, type NewNamespace, withIpv6 } from "./namespaces.ts"
import type { Publisher } from "./publisher.ts"
import { Publishing } from "./publishing.ts"
import { type ReadyPlace, ReadyPlaces } from "./ready.ts"
import { isOfUser, Resolution } from "./resolution.ts"
import { changeDefaultRoutes, defaultWays } from "./routes.ts"

export interface JoinerOptions {
  readonly socket: NetlinkSocket
  readonly names: Names
  readonly folder: string
  readonly publisher: Publisher
  readonly departures: Departures
  readonly records: Records<Sandbox>
  /** Those of an earlier life. */
  readonly sandboxes: Map<string, Sandbox>
  readonly networks: ReadonlyMap<string, LocalNetwork>
  readonly defaultNetwork: LocalNetwork | undefined
  readonly holder?: DescriptorHolder
  readonly poolSize: number
  readonly resolvConf: string
  readonly log: (message: string) => void
}

/** Puts containers into networks and takes them out again. A sandbox is recorded before its container starts. */
export class Joiner implements AsyncDisposable {
  readonly #options: JoinerOptions
  readonly #sandboxes: Map<string, Sandbox>
  readonly #ready: ReadyPlaces
  readonly #publishing: Publishing
  readonly #resolution: Resolution
  readonly #names: NameService
  readonly #joining = new Set<string>()

  constructor(options: JoinerOptions) {
    this.#options = options
    this.#sandboxes = options.sandboxes
    this.#publishing = new Publishing(options.publisher, options.networks)
    this.#names = new NameService({
      sandbox: (containerId) => this.#sandboxes.get(containerId),
      isOfUser: isOfUser,
      leadsOut: (endpoint) => !(options.networks.get(endpoint.networkId)?.record.internal ?? false),
      resolvConf: options.resolvConf,
      log: options.log,
    })
    this.#resolution = new Resolution({
      names: this.#names,
      sandboxes: this.#sandboxes,
      log: options.log,
      ...(options.holder ? { holder: options.holder } : {}),
    })
    for (const sandbox of this.#sandboxes.values()) {
      this.#names.learn(sandbox.endpoints)
      this.#attempt(() => this.#publishing.lead(sandbox, false))
    }
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

  sandbox(containerId: string): Sandbox | undefined {
    return this.#sandboxes.get(containerId)
  }

  sandboxes(): readonly Sandbox[] {
    return [...this.#sandboxes.values()]
  }

  async join(options: JoinOptions, span: Span): Promise<Sandbox> {
    const { containerId, containerName, endpoints: requests } = options
    if (this.#sandboxes.has(containerId) || this.#joining.has(containerId))
      throw new Failure("conflict", `container ${containerName} is already connected to its networks`)
    const [first] = requests
    const network = first && this.#network(first.networkId)
    const undo: (() => void)[] = []
    this.#joining.add(containerId)
    try {
      // A ready place has an interface of the usual name, and perhaps no IPv6 for further ones.
      const special =
        first?.interfaceName !== undefined || requests.slice(1).some((each) => this.#hasIpv6(each.networkId))
      if (network) span.set({ ready: this.#ready.ready(network) })
      const taken = !network || special ? await this.#ready.bare() : await this.#ready.take(network, wishOf(first))
      const place = "attached" in taken ? taken : undefined
      const namespace = place?.namespace ?? (taken as NewNamespace)
      undo.push(() => this.#drop(namespace.path, namespace))
      const endpoints: Endpoint[] = []
      for (const request of requests) {
        const attached =
          network && place && request === first
            ? this.#adapt(network, place, request)
            : this.#attach(namespace.name, namespace, request, endpoints)
        undo.push(() => this.#network(request.networkId).release(attached, false))
        endpoints.push({
          ...endpointOf(attached, request, this.#network(request.networkId)),
          ...(namespace.ipv6 ? {} : { bornWithoutIpv6: true }),
        })
      }
      // A ready place has the route of its own network.
      const ways = (of: readonly Endpoint[]) => defaultWays(of, (each) => this.#byInterface(each))
      changeDefaultRoutes(namespace.route, place ? ways(endpoints.slice(0, 1)) : {}, ways(endpoints))
      for (const [at, request] of requests.entries()) addLinkLocal(namespace.route, endpoints[at]!, request)
      await this.#writeSysctls(namespace.path, requests, endpoints)
      const sandbox = this.#publishing.publish({
        containerId,
        containerName,
        path: namespace.path,
        endpoints,
        bindings: options.ports,
        ports: [],
        nameservers: options.nameservers,
      })
      this.#keep(sandbox)
      namespace.route[Symbol.dispose]()
      this.#resolution.serve(sandbox, namespace.resolver)
      this.#describe(span, sandbox)
      return sandbox
    } catch (error) {
      for (const step of undo.reverse()) this.#attempt(step)
      throw error
    } finally {
      this.#joining.delete(containerId)
    }
  }

  async connect(containerId: string, request: EndpointRequest): Promise<Endpoint> {
    const sandbox = this.#living(containerId)
    const network = this.#network(request.networkId)
    if (sandbox.endpoints.some(({ networkId }) => networkId === request.networkId))
      throw new Failure(
        "permissionDenied",
        `endpoint with name ${sandbox.containerName} already exists in network ${network.record.name}`,
      )
    const sockets = await enterNamespace(sandbox.path, network.record.ipv6 ? withIpv6 : {})
    let attached: Attached | undefined
    try {
      const current = this.#living(containerId)
      attached = this.#attach(
        this.#options.names.next(),
        { path: sandbox.path, ...sockets },
        request,
        current.endpoints,
      )
      const endpoint = endpointOf(attached, request, network)
      const next = await this.#reroute(current, [...current.endpoints, endpoint], sockets)
      addLinkLocal(sockets.route, endpoint, request)
      await this.#writeSysctls(sandbox.path, [request], [endpoint])
      this.#keep(this.#publishing.publish(next))
      sockets.route[Symbol.dispose]()
      this.#resolution.serve(next, sockets.resolver)
      return endpoint
    } catch (error) {
      if (attached) {
        const { hostInterface } = attached
        if (hostInterface) this.#attempt(() => deleteLink(this.#options.socket, hostInterface))
        network.release(attached, false)
      }
      sockets[Symbol.dispose]()
      throw error
    }
  }

  async disconnect(containerId: string, networkId: string): Promise<void> {
    const sandbox = this.#sandboxes.get(containerId)
    const endpoint = sandbox?.endpoints.find((each) => each.networkId === networkId)
    if (!sandbox || !endpoint) return
    const left = sandbox.endpoints.filter((each) => each !== endpoint)
    this.#names.forget([endpoint])
    if (endpoint.hostInterface) {
      deleteLink(this.#options.socket, endpoint.hostInterface)
      await this.#reroute(sandbox, left)
    } else {
      using sockets = await enterNamespace(sandbox.path)
      deleteLink(sockets.route, endpoint.containerInterface)
      await this.#reroute(sandbox, left, sockets)
    }
    this.#options.networks.get(networkId)?.release(endpoint, true)
    const current = this.#sandboxes.get(containerId)
    if (!current) return
    this.#keep(
      this.#publishing.publish({ ...current, endpoints: current.endpoints.filter(({ id }) => id !== endpoint.id) }),
    )
  }

  leave(containerId: string): void {
    const sandbox = this.#sandboxes.get(containerId)
    if (!sandbox) return
    this.#sandboxes.delete(containerId)
    this.#options.records.delete(containerId)
    this.#resolution.stop(sandbox)
    this.#names.forget(sandbox.endpoints)
    this.#attempt(() => this.#options.publisher.shut(containerId))
    this.#options.publisher.release(sandbox.containerName, sandbox.ports)
    for (const endpoint of sandbox.endpoints) this.#options.networks.get(endpoint.networkId)?.release(endpoint, false)
    this.#attempt(() => dropNamespace(sandbox.path))
    for (const { hostInterface } of sandbox.endpoints) if (hostInterface) this.#options.departures.expect(hostInterface)
  }

  rename(containerId: string, networkId: string, names: readonly string[]): void {
    const sandbox = this.#sandboxes.get(containerId)
    if (!sandbox) return
    this.#names.forget(sandbox.endpoints)
    const endpoints = sandbox.endpoints.map((each) => (each.networkId === networkId ? { ...each, names } : each))
    this.#keep({ ...sandbox, endpoints })
  }

  /** A network is being removed: places kept for it go. */
  forget(network: LocalNetwork): void {
    this.#ready.cool(network)
  }

  /** See {@link Resolution.resume}. */
  async resume(): Promise<void> {
    await this.#resolution.resume()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ready.close()
    this.#names[Symbol.dispose]()
  }

  #living(containerId: string): Sandbox {
    const sandbox = this.#sandboxes.get(containerId)
    if (!sandbox) throw new Failure("conflict", `container ${containerId} is not running`)
    return sandbox
  }

  #network(networkId: string): LocalNetwork {
    const network = this.#options.networks.get(networkId)
    if (!network) throw new Failure("notFound", `network ${networkId} not found`)
    return network
  }

  #hasIpv6(networkId: string): boolean {
    return this.#options.networks.get(networkId)?.record.ipv6 ?? false
  }

  #byInterface(endpoint: Endpoint): boolean {
    return this.#options.networks.get(endpoint.networkId)?.routesByInterface ?? false
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
    this.#drop(namespace.path, namespace)
    if (attached.hostInterface) this.#options.departures.expect(attached.hostInterface)
  }

  #drop(path: string, sockets: Disposable): void {
    this.#attempt(() => dropNamespace(path, sockets))
  }

  /** A ready place as a container wants it. */
  #adapt(network: LocalNetwork, { namespace, attached }: ReadyPlace, request: EndpointRequest): Attached {
    const { macAddress } = request
    try {
      if (!macAddress || macAddress.toLowerCase() === attached.macAddress) return attached
      changeMac(namespace.route, linkByName(namespace.route, attached.containerInterface)!.index, macAddress)
      return { ...attached, macAddress: macAddress.toLowerCase() }
    } catch (error) {
      network.release(attached, false)
      throw error
    }
  }

  #attach(
    hostInterface: string,
    place: { readonly path: string; readonly route: NetlinkSocket },
    request: EndpointRequest,
    others: readonly Endpoint[],
  ): Attached {
    const network = this.#network(request.networkId)
    const used = new Set(others.map(({ containerInterface }) => containerInterface))
    let number = 0
    while (used.has(`${network.options.interfacePrefix}${number}`)) number++
    const name = request.interfaceName ?? `${network.options.interfacePrefix}${number}`
    // The first interface's end on the host is called as the namespace is.
    const end = others.length === 0 ? hostInterface : this.#options.names.next()
    return this.#attachTo(network, end, place, wishOf(request), name)
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

  /** Moves the default routes to where they belong with `endpoints`. */
  async #reroute(sandbox: Sandbox, endpoints: readonly Endpoint[], sockets?: NamespaceSockets): Promise<Sandbox> {
    const ways = (of: readonly Endpoint[]) => defaultWays(of, (each) => this.#byInterface(each))
    const [from, to] = [ways(sandbox.endpoints), ways(endpoints)]
    const next = { ...sandbox, endpoints }
    if (from.ipv4?.id === to.ipv4?.id && from.ipv6?.id === to.ipv6?.id) return next
    if (sockets) changeDefaultRoutes(sockets.route, from, to)
    else {
      using own = await enterNamespace(sandbox.path)
      changeDefaultRoutes(own.route, from, to)
    }
    return next
  }

  async #writeSysctls(
    path: string,
    requests: readonly EndpointRequest[],
    endpoints: readonly Endpoint[],
  ): Promise<void> {
    const all: Record<string, string> = {}
    for (const { networkId, sysctls } of requests) {
      const name = endpoints.find((each) => each.networkId === networkId)?.containerInterface ?? ""
      for (const [file, value] of Object.entries(sysctls ?? {})) all[file.replace(/IFNAME/i, name)] = value
    }
    if (Object.keys(all).length > 0) (await enterNamespace(path, all))[Symbol.dispose]()
  }

  /** From now on the sandbox is what it says, after a crash too. */
  #keep(sandbox: Sandbox): void {
    this.#options.records.put(sandbox.containerId, sandbox)
    this.#sandboxes.set(sandbox.containerId, sandbox)
    this.#names.learn(sandbox.endpoints)
  }

  #describe(span: Span, { path, endpoints, ports }: Sandbox): void {
    span.set({
      namespace: path,
      networks: endpoints.map(({ network, ipv4, ipv6 }) => `${network} ${ipv4?.address ?? ipv6?.address}`).join(", "),
      ...(ports.length > 0 ? { ports: ports.length } : {}),
    })
  }

  #attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#options.log(`networks: ${messageOf(error)}`)
    }
  }
}

/** Gives an interface its further addresses. */
function addLinkLocal(route: NetlinkSocket, endpoint: Endpoint, { linkLocal = [] }: EndpointRequest): void {
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

const endpointOf = (attached: Attached, request: EndpointRequest, { record }: LocalNetwork): Endpoint => ({
  ...attached,
  id: newId(),
  networkId: record.id,
  network: record.name,
  names: request.names,
  links: request.links,
  gatewayPriority: request.gatewayPriority,
})
