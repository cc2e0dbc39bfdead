import { rmdirSync } from "node:fs"
import { join } from "node:path"
import { Failure, messageOf } from "../errors/failure.ts"
import { deleteLink, linkCounters, listLinks } from "../linux/links.ts"
import { NetlinkSocket } from "../linux/netlink.ts"
import { Nftables } from "../linux/nftables.ts"
import { cidrOf } from "../std/ip.ts"
import type { Span } from "../trace/span.ts"
import type {
  Endpoint,
  EndpointRequest,
  InterfaceCounters,
  JoinOptions,
  Networking,
  NetworkingOptions,
  NetworkRecord,
  NetworkRequest,
  PeerPorts,
  Sandbox,
} from "./contract.ts"
import { defaultNetworkOf } from "./default-network.ts"
import { Departures } from "./departures.ts"
import { collides, ownBridges, removeBridge, setSysctl } from "./host-bridge.ts"
import { HostFirewall } from "./host-firewall.ts"
import { Joiner } from "./joiner.ts"
import { LocalNetwork } from "./local-network.ts"
import { type BridgeLock, lockBridge } from "./lock.ts"
import { Names } from "./names.ts"
import { planNetwork } from "./plan-network.ts"
import { Publisher } from "./publisher.ts"
import { awaitDeparture, dropStrangers, ownLinks, rejoin } from "./reconcile.ts"
import { ContainerResolver } from "./resolver.ts"
import { Rules } from "./rules.ts"

/** How often the table is looked for, in milliseconds: other programs flush everything when they are reloaded. */
const inspection = 20_000

/**
 * Opens the daemon's networks: makes again what recorded networks and sandboxes need and lack, removes other remains of an
 * earlier life, puts the rules in place and begins to make places ready.
 * @throws invalidArgument for options that contradict each other or the host; conflict when another daemon has the bridge; unavailable without libnftables
 */
export async function openNetworking(options: NetworkingOptions): Promise<Networking> {
  const names = new Names(options.name)
  const lock = await lockBridge(options.name)
  let socket: NetlinkSocket | undefined
  let nft: Nftables | undefined
  try {
    socket = NetlinkSocket.open()
    nft = Nftables.open(options.lowDescriptors)
    return new HostNetworking(options, names, lock, socket, nft)
  } catch (error) {
    socket?.[Symbol.dispose]()
    nft?.[Symbol.dispose]()
    lock.release()
    throw error
  }
}

class HostNetworking implements Networking {
  readonly #options: NetworkingOptions
  readonly #names: Names
  readonly #lock: BridgeLock
  readonly #socket: NetlinkSocket
  readonly #nft: Nftables
  readonly #rules: Rules
  readonly #firewall: HostFirewall
  readonly #publisher: Publisher
  readonly #departures: Departures
  readonly #resolver: ContainerResolver
  readonly #joiner: Joiner
  readonly #folder: string
  readonly #networks = new Map<string, LocalNetwork>()
  readonly #default: LocalNetwork | undefined
  readonly #inspection: NodeJS.Timeout
  #closed = false

  constructor(options: NetworkingOptions, names: Names, lock: BridgeLock, socket: NetlinkSocket, nft: Nftables) {
    this.#options = options
    this.#names = names
    this.#lock = lock
    this.#socket = socket
    this.#nft = nft
    this.#folder = join(options.runRoot, "netns")
    this.#rules = new Rules(nft, options.name, options.respectHostFirewall ?? false)
    this.#firewall = new HostFirewall({
      nft,
      name: options.name,
      bridges: (family) => this.#bridgesOf(family),
      untouched: options.respectHostFirewall ?? false,
      log: options.log,
    })
    this.#publisher = new Publisher(this.#rules, socket, options.respectHostFirewall ?? false, options.log)
    this.#departures = new Departures(socket, options.log)
    const recorded = options.networks.all().map(([, record]) => record)
    this.#default = options.defaultBridge ? this.#openDefault(recorded) : undefined
    for (const record of recorded) this.#open(new LocalNetwork(record, socket, options.name))
    this.#resolver = new ContainerResolver(
      this.#default?.record.subnets[0]?.gateway,
      this.#rules,
      options.resolvConf ?? "/etc/resolv.conf",
      options.log,
    )
    const sandboxes = this.#takeOver()
    this.#rules.install()
    this.#attempt(() => this.#firewall.adjust())
    if (options.ipForward ?? true) this.#forwardPackets()
    this.#joiner = new Joiner({
      socket,
      names,
      folder: this.#folder,
      rules: this.#rules,
      publisher: this.#publisher,
      departures: this.#departures,
      records: options.sandboxes,
      sandboxes,
      networks: this.#networks,
      defaultNetwork: this.#default,
      ...(options.holder ? { holder: options.holder } : {}),
      poolSize: options.poolSize ?? 8,
      resolvConf: options.resolvConf ?? "/etc/resolv.conf",
      log: options.log,
    })
    this.#inspection = setInterval(() => this.#inspect(), inspection)
    this.#inspection.unref()
  }

  get defaultNetwork(): NetworkRecord | undefined {
    return this.#default?.record
  }

  create(request: NetworkRequest): NetworkRecord {
    if (this.#closed) throw new Failure("unavailable", "the daemon is being stopped")
    const others = [...this.networks()]
    for (;;) {
      const record = planNetwork(request, {
        socket: this.#socket,
        pools: this.#options.defaultAddressPools,
        owner: this.#options.name,
        others,
      })
      const network = this.#make(record)
      if (!this.#meetsOther(request, network)) {
        this.#networks.set(record.id, network)
        if (record.driver === "bridge") this.#attempt(() => this.#firewall.adjust())
        return record
      }
      others.push({ ...record, id: "", hostInterface: "" })
      this.#attempt(() => this.#unmake(network))
    }
  }

  /** Recorded before it is made: what a crash leaves is found again. */
  #make(record: NetworkRecord): LocalNetwork {
    const network = new LocalNetwork(record, this.#socket, this.#options.name)
    this.#options.networks.put(record.id, record)
    try {
      network.ensure()
      network.probe()
      const rules = network.rules()
      if (rules) this.#rules.addBridge(rules)
      if (record.ipv6) this.#forwardIpv6()
      return network
    } catch (error) {
      this.#attempt(() => this.#unmake(network))
      this.#options.networks.delete(record.id)
      throw error
    }
  }

  /** Whether another program, or another daemon, took a subnet at the same moment that was chosen here. */
  #meetsOther(request: NetworkRequest, { record, index }: LocalNetwork): boolean {
    if (record.driver !== "bridge") return false
    const asked = new Set(request.subnets.map(({ subnet }) => subnet))
    const chosen = record.subnets.filter(({ subnet }) => !asked.has(subnet)).map(({ subnet }) => cidrOf(subnet)!.subnet)
    return collides(this.#socket, index, chosen)
  }

  remove(networkId: string): void {
    const network = this.#networks.get(networkId)
    if (!network) return
    this.#networks.delete(networkId)
    this.#joiner.forget(network)
    this.#options.networks.delete(networkId)
    this.#attempt(() => this.#unmake(network))
    if (network.record.driver === "bridge") this.#attempt(() => this.#firewall.adjust())
  }

  network(networkId: string): NetworkRecord | undefined {
    return this.#networks.get(networkId)?.record
  }

  networks(): readonly NetworkRecord[] {
    return [...this.#networks.values()].map(({ record }) => record)
  }

  async join(options: JoinOptions, span: Span): Promise<Sandbox> {
    if (this.#closed) throw new Failure("unavailable", "the daemon is being stopped")
    return await span.step("connect to networks", (step) => this.#joiner.join(options, step), "network")
  }

  async connect(containerId: string, request: EndpointRequest, span: Span): Promise<Endpoint> {
    return await span.step("connect to network", () => this.#joiner.connect(containerId, request), "network")
  }

  async disconnect(containerId: string, networkId: string): Promise<void> {
    await this.#joiner.disconnect(containerId, networkId)
  }

  leave(containerId: string): void {
    this.#joiner.leave(containerId)
  }

  rename(containerId: string, networkId: string, names: readonly string[]): void {
    this.#joiner.rename(containerId, networkId, names)
  }

  relink(containerId: string, peers: readonly PeerPorts[]): void {
    this.#joiner.relink(containerId, peers)
  }

  sandbox(containerId: string): Sandbox | undefined {
    return this.#joiner.sandbox(containerId)
  }

  sandboxes(): readonly Sandbox[] {
    return this.#joiner.sandboxes()
  }

  counters(containerId: string): Readonly<Record<string, InterfaceCounters>> {
    const found: Record<string, InterfaceCounters> = {}
    for (const { hostInterface, containerInterface } of this.sandbox(containerId)?.endpoints ?? []) {
      const host = hostInterface ? linkCounters(this.#socket, hostInterface) : undefined
      // What the host's end has received the container has sent.
      if (host)
        found[containerInterface] = {
          rxBytes: host.txBytes,
          rxPackets: host.txPackets,
          rxErrors: host.txErrors,
          rxDropped: host.txDropped,
          txBytes: host.rxBytes,
          txPackets: host.rxPackets,
          txErrors: host.rxErrors,
          txDropped: host.rxDropped,
        }
    }
    return found
  }

  async reconcile(living: ReadonlySet<string>): Promise<void> {
    for (const { containerId } of this.sandboxes()) if (!living.has(containerId)) this.leave(containerId)
    await this.#joiner.resume()
  }

  async nameservers(): Promise<readonly string[]> {
    return await this.#resolver.nameservers()
  }

  get forwardDrops(): readonly string[] {
    return this.#firewall.dropping
  }

  get forwardExceptions(): readonly string[] {
    return this.#firewall.excepted
  }

  get respectsHostFirewall(): boolean {
    return this.#options.respectHostFirewall ?? false
  }

  warnings(): readonly string[] {
    return this.#firewall.warnings()
  }

  /** Bridges of networks with addresses of a family. */
  #bridgesOf(family: 4 | 6): readonly string[] {
    return this.networks()
      .filter(({ driver, ipv4, ipv6 }) => driver === "bridge" && (family === 4 ? ipv4 : ipv6))
      .map(({ hostInterface }) => hostInterface)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#inspection)
    this.#departures[Symbol.dispose]()
    await this.#resolver[Symbol.asyncDispose]()
    await this.#joiner[Symbol.asyncDispose]()
    this.#publisher.releaseAll()
    try {
      if (this.sandboxes().length === 0) {
        await awaitDeparture(this.#socket, ownLinks(listLinks(this.#socket), this.#names), 2000)
        this.#rules.remove()
        this.#attempt(() => this.#firewall.remove())
        for (const network of this.#networks.values()) this.#attempt(() => this.#removeInterface(network))
        this.#removeFolder()
      }
    } finally {
      this.#nft[Symbol.dispose]()
      this.#socket[Symbol.dispose]()
      this.#lock.release()
    }
  }

  #openDefault(others: readonly NetworkRecord[]): LocalNetwork {
    const network = new LocalNetwork(
      defaultNetworkOf(this.#options, this.#socket, others),
      this.#socket,
      this.#options.name,
    )
    network.ensure()
    this.#know(network)
    return network
  }

  /** A recorded network that cannot be made again (its parent interface is missing) stays recorded. */
  #open(network: LocalNetwork): void {
    this.#attempt(() => network.ensure())
    this.#know(network)
  }

  #know(network: LocalNetwork): void {
    this.#networks.set(network.record.id, network)
    const rules = network.rules()
    if (rules) this.#rules.addBridge(rules)
    if (network.record.ipv6) this.#forwardIpv6()
  }

  /** Sandboxes of an earlier life: their addresses, ports and links stay theirs; everything else of that life goes. */
  #takeOver(): Map<string, Sandbox> {
    const sandboxes = new Map(this.#options.sandboxes.all())
    for (const sandbox of sandboxes.values()) {
      this.#publisher.restore(sandbox.containerName, sandbox.ports)
      for (const endpoint of sandbox.endpoints)
        this.#attempt(() => this.#networks.get(endpoint.networkId)?.restore(endpoint))
    }
    const all = [...sandboxes.values()]
    const links = new Map(listLinks(this.#socket).map((link) => [link.name, link]))
    const ends = Map.groupBy(
      all.flatMap(({ endpoints }) => endpoints),
      ({ networkId }) => networkId,
    )
    for (const { record, index } of this.#networks.values()) {
      if (record.driver !== "bridge") continue
      const names = (ends.get(record.id) ?? []).map(({ hostInterface }) => hostInterface)
      this.#attempt(() => rejoin(this.#socket, links, index, names))
    }
    for (const link of dropStrangers(links.values(), this.#names, this.#folder, all)) this.#departures.expect(link)
    const bridges = new Set(this.networks().map(({ hostInterface }) => hostInterface))
    for (const name of ownBridges(links.values(), this.#options.name))
      if (!bridges.has(name)) this.#attempt(() => removeBridge(this.#socket, this.#options.name, name))
    return sandboxes
  }

  #unmake(network: LocalNetwork): void {
    this.#rules.removeBridge(network.record.hostInterface)
    this.#publisher.forgetBridge(network.record.hostInterface)
    this.#removeInterface(network)
  }

  #removeInterface({ record }: LocalNetwork): void {
    if (record.driver === "bridge") removeBridge(this.#socket, this.#options.name, record.hostInterface)
    else if (record.ownInterface) deleteLink(this.#socket, record.hostInterface)
  }

  #forwardPackets(): void {
    if (setSysctl("ipv4/ip_forward", "1"))
      this.#options.log("switched on net.ipv4.ip_forward: containers reach other networks through this host")
  }

  #forwardIpv6(): void {
    if ((this.#options.ipForward ?? true) && setSysctl("ipv6/conf/all/forwarding", "1"))
      this.#options.log("switched on net.ipv6.conf.all.forwarding: containers reach other networks through this host")
  }

  #inspect(): void {
    this.#attempt(() => {
      if (this.#rules.repair())
        this.#options.log(`table ${this.#rules.table} had been removed by another program; installed again`)
      this.#firewall.adjust()
    })
  }

  #attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#options.log(`networks of ${this.#options.name}: ${messageOf(error)}`)
    }
  }

  #removeFolder(): void {
    try {
      rmdirSync(this.#folder)
    } catch {
      // Absent, or another daemon's namespaces are in it.
    }
  }
}
