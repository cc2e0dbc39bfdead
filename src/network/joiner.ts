import { Failure, messageOf } from "../errors/failure.ts"
import { deleteLink } from "../linux/links.ts"
import type { NetlinkSocket } from "../linux/netlink.ts"
import type { Span } from "../trace/span.ts"
import type {
  DescriptorHolder,
  Endpoint,
  EndpointRequest,
  JoinOptions,
  PeerPorts,
  Records,
  Sandbox,
} from "./contract.ts"
import type { Departures } from "./departures.ts"
import { NameService } from "./dns/service.ts"
import { LinkedPorts } from "./linked-ports.ts"
import type { Attached, LocalNetwork } from "./local-network.ts"
import type { Names } from "./names.ts"
import { dropNamespace, enterNamespace } from "./namespaces.ts"
import { addLinkLocal, endpointOf, Placement } from "./placement.ts"
import type { Publisher } from "./publisher.ts"
import { Publishing } from "./publishing.ts"
import { isOfUser, Resolution } from "./resolution.ts"
import { changeDefaultRoutes } from "./routes.ts"
import type { Rules } from "./rules.ts"

export interface JoinerOptions {
  readonly socket: NetlinkSocket
  readonly names: Names
  readonly folder: string
  readonly rules: Rules
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
  readonly #placement: Placement
  readonly #publishing: Publishing
  readonly #linkedPorts: LinkedPorts
  readonly #resolution: Resolution
  readonly #names: NameService
  readonly #joining = new Set<string>()

  constructor(options: JoinerOptions) {
    this.#options = options
    this.#sandboxes = options.sandboxes
    this.#publishing = new Publishing(options.publisher, options.networks)
    this.#linkedPorts = new LinkedPorts(options.rules, options.defaultNetwork)
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
    this.#openLinks()
    this.#placement = new Placement(options)
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
    const undo: (() => void)[] = []
    this.#joining.add(containerId)
    try {
      const { namespace, attached: first, ready } = await this.#placement.take(requests)
      if (requests.length > 0) span.set({ ready })
      undo.push(() => this.#placement.drop(namespace.path, namespace))
      const endpoints: Endpoint[] = []
      for (const [at, request] of requests.entries()) {
        const network = this.#placement.network(request.networkId)
        const attached =
          at === 0 && first ? first : this.#placement.attach(namespace.name, namespace, request, endpoints)
        undo.push(() => network.release(attached, false))
        endpoints.push({
          ...endpointOf(attached, request, network),
          ...(namespace.ipv6 ? {} : { bornWithoutIpv6: true }),
        })
      }
      // A ready place has the route of its own network.
      const before = first ? this.#placement.ways(endpoints.slice(0, 1)) : {}
      changeDefaultRoutes(namespace.route, before, this.#placement.ways(endpoints))
      for (const [at, request] of requests.entries()) addLinkLocal(namespace.route, endpoints[at]!, request)
      await this.#placement.writeSysctls(namespace.path, requests, endpoints)
      const sandbox = this.#publishing.publish({
        containerId,
        containerName,
        path: namespace.path,
        endpoints,
        bindings: options.ports,
        ports: [],
        nameservers: options.nameservers,
        ...(options.peers?.length ? { peers: options.peers } : {}),
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
    const network = this.#placement.network(request.networkId)
    if (sandbox.endpoints.some(({ networkId }) => networkId === request.networkId))
      throw new Failure(
        "permissionDenied",
        `endpoint with name ${sandbox.containerName} already exists in network ${network.record.name}`,
      )
    const sockets = await enterNamespace(sandbox.path, {
      ipv6: network.record.ipv6,
      names: isOfUser(request) && !this.#resolution.serves(containerId),
    })
    const undo: (() => void)[] = [() => sockets[Symbol.dispose]()]
    try {
      const current = this.#living(containerId)
      const attached = this.#placement.attach(
        this.#options.names.next(),
        { path: sandbox.path, ...sockets },
        request,
        current.endpoints,
      )
      undo.push(() => {
        network.release(attached, false)
        this.#deleteInterface(attached, sockets.route)
      })
      const endpoint = endpointOf(attached, request, network)
      const next = { ...current, endpoints: [...current.endpoints, endpoint] }
      const [before, after] = [this.#placement.ways(current.endpoints), this.#placement.ways(next.endpoints)]
      changeDefaultRoutes(sockets.route, before, after)
      undo.push(() => changeDefaultRoutes(sockets.route, after, before))
      addLinkLocal(sockets.route, endpoint, request)
      await this.#placement.writeSysctls(sandbox.path, [request], [endpoint])
      this.#keep(this.#publishing.publish(next))
      sockets.route[Symbol.dispose]()
      this.#resolution.serve(next, sockets.resolver)
      return endpoint
    } catch (error) {
      for (const step of undo.reverse()) this.#attempt(step)
      throw error
    }
  }

  async disconnect(containerId: string, networkId: string): Promise<void> {
    const sandbox = this.#sandboxes.get(containerId)
    const endpoint = sandbox?.endpoints.find((each) => each.networkId === networkId)
    if (!sandbox || !endpoint) return
    const left = sandbox.endpoints.filter((each) => each !== endpoint)
    const [before, after] = [this.#placement.ways(sandbox.endpoints), this.#placement.ways(left)]
    const moves = before.ipv4?.id !== after.ipv4?.id || before.ipv6?.id !== after.ipv6?.id
    using sockets = moves || !endpoint.hostInterface ? await enterNamespace(sandbox.path) : undefined
    this.#names.forget([endpoint])
    this.#deleteInterface(endpoint, sockets?.route)
    // The interface has gone: a container that prevents the new route from being laid is out of the network all the same.
    if (sockets) this.#attempt(() => changeDefaultRoutes(sockets.route, before, after))
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
    // A record that cannot be removed now is one of a container that does not live: the next start removes it.
    this.#attempt(() => this.#options.records.delete(containerId))
    this.#resolution.stop(sandbox)
    this.#names.forget(sandbox.endpoints)
    this.#openLinks()
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

  relink(containerId: string, peers: readonly PeerPorts[]): void {
    const sandbox = this.#sandboxes.get(containerId)
    if (sandbox) this.#keep({ ...sandbox, peers })
  }

  /** A network is being removed: places kept for it go. */
  forget(network: LocalNetwork): void {
    this.#placement.cool(network)
  }

  /** See {@link Resolution.resume}. */
  async resume(): Promise<void> {
    await this.#resolution.resume()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#placement[Symbol.asyncDispose]()
    this.#names[Symbol.dispose]()
  }

  /** @param route of the container's namespace, for an interface that has no end on the host */
  #deleteInterface({ hostInterface, containerInterface }: Attached, route: NetlinkSocket | undefined): void {
    if (hostInterface) deleteLink(this.#options.socket, hostInterface)
    else if (route) deleteLink(route, containerInterface)
  }

  #living(containerId: string): Sandbox {
    const sandbox = this.#sandboxes.get(containerId)
    if (!sandbox) throw new Failure("conflict", `container ${containerId} is not running`)
    return sandbox
  }

  /** From now on the sandbox is what it says, after a crash too. */
  #keep(sandbox: Sandbox): void {
    this.#options.records.put(sandbox.containerId, sandbox)
    this.#sandboxes.set(sandbox.containerId, sandbox)
    this.#names.learn(sandbox.endpoints)
    this.#openLinks()
  }

  /** Sandboxes came, changed or went: what links between them open follows. */
  #openLinks(): void {
    this.#attempt(() => this.#linkedPorts.update(this.#sandboxes))
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
