import { rmdirSync } from "node:fs"
import { join } from "node:path"
import { Failure, messageOf } from "../errors/failure.ts"
import { linkCounters } from "../linux/links.ts"
import { NetlinkSocket } from "../linux/netlink.ts"
import { Nftables } from "../linux/nftables.ts"
import { newId } from "../std/id.ts"
import type { Span } from "../trace/span.ts"
import { type Attachment, attach, changeAddress, changeMac, containerInterface } from "./attachment.ts"
import type {
  BoundPort,
  BridgeNetwork,
  BridgeOptions,
  ConnectOptions,
  Endpoint,
  InterfaceCounters,
} from "./contract.ts"
import { Departures } from "./departures.ts"
import { bridgesConsultRules, ensureBridge, type HostBridge, removeBridge, setSysctl } from "./host-bridge.ts"
import { Addresses } from "./ipam.ts"
import { contains, formatAddress, formatSubnet, parseAddress, parseCidr } from "./ipv4.ts"
import { type BridgeLock, lockBridge } from "./lock.ts"
import { Names } from "./names.ts"
import { dropNamespace, type NewNamespace } from "./namespaces.ts"
import { NamespacePool } from "./pool.ts"
import { Publisher } from "./publisher.ts"
import { awaitDeparture, dropStrangers, ownLinks, rejoin } from "./reconcile.ts"
import { ContainerResolver } from "./resolver.ts"
import { foreignForwardDrops, Rules } from "./rules.ts"

/** How often the table is looked for, in milliseconds: other programs flush everything when they are reloaded. */
const inspection = 20_000

/**
 * Opens the default bridge network: takes over what recorded endpoints have, removes other remains of an earlier life, puts the rules in
 * place and begins to fill the pool.
 * @throws invalidArgument for options that contradict each other or the host; conflict when another daemon has the bridge; unavailable without libnftables
 */
export async function openBridgeNetwork(options: BridgeOptions): Promise<BridgeNetwork> {
  const names = new Names(options.bridge)
  const lock = await lockBridge(options.bridge)
  let socket: NetlinkSocket | undefined
  let nft: Nftables | undefined
  try {
    socket = NetlinkSocket.open()
    nft = Nftables.open()
    return new DefaultBridge(options, names, lock, socket, nft, ensureBridge(socket, options))
  } catch (error) {
    socket?.[Symbol.dispose]()
    nft?.[Symbol.dispose]()
    lock.release()
    throw error
  }
}

class DefaultBridge implements BridgeNetwork {
  readonly bridge: string
  readonly subnet: string
  readonly gateway: string
  readonly prefixLength: number
  readonly mtu: number
  readonly #options: BridgeOptions
  readonly #host: HostBridge
  readonly #names: Names
  readonly #lock: BridgeLock
  readonly #socket: NetlinkSocket
  readonly #nft: Nftables
  readonly #rules: Rules
  readonly #addresses: Addresses
  readonly #publisher: Publisher
  readonly #departures: Departures
  readonly #pool: NamespacePool<Attachment>
  readonly #resolver: ContainerResolver
  readonly #folder: string
  readonly #endpoints = new Map<string, Endpoint>()
  readonly #connecting = new Set<string>()
  readonly #inspection: NodeJS.Timeout
  #closed = false

  constructor(
    options: BridgeOptions,
    names: Names,
    lock: BridgeLock,
    socket: NetlinkSocket,
    nft: Nftables,
    host: HostBridge,
  ) {
    this.#options = options
    this.#names = names
    this.#lock = lock
    this.#socket = socket
    this.#nft = nft
    this.#host = host
    this.bridge = host.name
    this.subnet = formatSubnet(host.subnet)
    this.gateway = formatAddress(host.address)
    this.prefixLength = host.subnet.prefixLength
    this.mtu = host.mtu
    this.#folder = join(options.runRoot, "netns")
    this.#addresses = new Addresses(host.subnet, {
      ...(options.fixedCidr ? { range: parseCidr(options.fixedCidr, "--fixed-cidr").subnet } : {}),
      reserved: [host.address],
    })
    this.#rules = new Rules(nft, host.name)
    this.#rules.addBridge({
      bridge: host.name,
      subnet: this.subnet,
      masquerade: options.ipMasq ?? true,
      betweenContainers: options.icc ?? true,
    })
    this.#publisher = new Publisher(host.name, this.#rules, socket)
    this.#departures = new Departures(socket, options.log)
    this.#resolver = new ContainerResolver(
      this.gateway,
      this.#rules,
      options.resolvConf ?? "/etc/resolv.conf",
      options.log,
    )
    this.#takeOver()
    this.#rules.install()
    if (options.ipForward ?? true) this.#forwardPackets()
    this.#pool = new NamespacePool({
      folder: this.#folder,
      names,
      // In a small subnet the addresses of ready namespaces would be missed by others.
      size: Math.min(options.poolSize ?? 8, Math.floor(this.#addresses.free / 4)),
      prepare: (namespace) => this.#prepare(namespace),
      log: options.log,
    })
    void this.#pool.refill()
    this.#inspection = setInterval(() => this.#inspect(), inspection)
    this.#inspection.unref()
  }

  async connect(containerId: string, options: ConnectOptions, span: Span): Promise<Endpoint> {
    return await span.step("connect to bridge", (step) => this.#connect(containerId, options, step), "network")
  }

  async #connect(containerId: string, options: ConnectOptions, span: Span): Promise<Endpoint> {
    if (this.#endpoints.has(containerId) || this.#connecting.has(containerId))
      throw new Failure("conflict", `container ${options.containerName} is already connected to ${this.bridge}`)
    if (this.#closed) throw new Failure("unavailable", `network ${this.bridge} is closed`)
    const id = newId()
    const { containerName } = options
    const ports = this.#publisher.take(containerName, id, options.ports)
    let attachment: Attachment | undefined
    this.#connecting.add(containerId)
    try {
      span.set({ ready: this.#pool.ready })
      attachment = await this.#attachment(options)
      const ipv4 = formatAddress(attachment.address)
      if (ports.length > 0)
        await span.step("publish ports", (step) => {
          step.set({ ports: ports.map((port) => describe(port, ipv4)).join(", ") })
          this.#publisher.open(ports, ipv4)
        })
      const endpoint: Endpoint = {
        id,
        containerId,
        containerName,
        network: "bridge",
        netnsPath: attachment.path,
        hostInterface: attachment.name,
        containerInterface,
        macAddress: attachment.macAddress,
        ipv4,
        prefixLength: this.prefixLength,
        gateway: this.gateway,
        ports,
      }
      this.#options.records.put(containerId, endpoint)
      this.#endpoints.set(containerId, endpoint)
      attachment.socket[Symbol.dispose]()
      span.set({ namespace: attachment.path, veth: attachment.name, address: `${ipv4}/${this.prefixLength}` })
      return endpoint
    } catch (error) {
      const ipv4 = attachment && formatAddress(attachment.address)
      this.#attempt(() => this.#publisher.close(containerName, ports, ipv4))
      if (attachment) this.#discard(attachment)
      throw error
    } finally {
      this.#connecting.delete(containerId)
    }
  }

  /** A ready namespace with the address and MAC address that are asked for, if any are. */
  async #attachment(options: ConnectOptions): Promise<Attachment> {
    const wanted = options.ipv4 === undefined ? undefined : parseAddress(options.ipv4)
    let attachment = wanted === undefined ? undefined : this.#pool.takeMatching(({ address }) => address === wanted)
    if (!attachment && wanted !== undefined) this.#addresses.reserve(wanted)
    try {
      attachment ??= await this.#pool.take()
      if (wanted !== undefined && attachment.address !== wanted) {
        const { address } = attachment
        attachment = changeAddress(this.#host, attachment, wanted)
        this.#addresses.release(address)
      }
      return options.macAddress ? changeMac(attachment, options.macAddress) : attachment
    } catch (error) {
      if (attachment) this.#discard(attachment)
      if (wanted !== undefined && attachment?.address !== wanted) this.#addresses.release(wanted)
      throw error
    }
  }

  async disconnect(containerId: string): Promise<void> {
    const endpoint = this.#endpoints.get(containerId)
    if (!endpoint) return
    this.#endpoints.delete(containerId)
    this.#options.records.delete(containerId)
    this.#attempt(() => this.#publisher.close(endpoint.containerName, endpoint.ports, endpoint.ipv4))
    this.#addresses.release(parseAddress(endpoint.ipv4))
    this.#attempt(() => dropNamespace(endpoint.netnsPath))
    this.#departures.expect(endpoint.hostInterface)
  }

  endpoint(containerId: string): Endpoint | undefined {
    return this.#endpoints.get(containerId)
  }

  endpoints(): readonly Endpoint[] {
    return [...this.#endpoints.values()]
  }

  counters(containerId: string): InterfaceCounters | undefined {
    const endpoint = this.#endpoints.get(containerId)
    const host = endpoint && linkCounters(this.#socket, endpoint.hostInterface)
    // What the host's end has received the container has sent.
    return (
      host && {
        rxBytes: host.txBytes,
        rxPackets: host.txPackets,
        rxErrors: host.txErrors,
        rxDropped: host.txDropped,
        txBytes: host.rxBytes,
        txPackets: host.rxPackets,
        txErrors: host.rxErrors,
        txDropped: host.rxDropped,
      }
    )
  }

  async reconcile(living: ReadonlySet<string>): Promise<void> {
    for (const containerId of [...this.#endpoints.keys()])
      if (!living.has(containerId)) await this.disconnect(containerId)
  }

  async nameservers(): Promise<readonly string[]> {
    return await this.#resolver.nameservers()
  }

  warnings(): readonly string[] {
    return foreignForwardDrops(this.#nft).map((chain) => {
      const insert = `nft insert rule ${chain}`
      return `packets of containers are dropped by the policy of another program's chain (${chain}); if they shall pass: ${insert} iifname ${this.bridge} accept && ${insert} oifname ${this.bridge} accept`
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#inspection)
    this.#departures[Symbol.dispose]()
    await this.#resolver[Symbol.asyncDispose]()
    for (const attachment of await this.#pool.close()) dropNamespace(attachment.path, attachment.socket)
    this.#publisher.releaseAll()
    try {
      if (this.#endpoints.size === 0) {
        await awaitDeparture(this.#socket, ownLinks(this.#socket, this.#names), 2000)
        this.#rules.remove()
        removeBridge(this.#socket, this.bridge)
        this.#removeFolder()
      }
    } finally {
      this.#nft[Symbol.dispose]()
      this.#socket[Symbol.dispose]()
      this.#lock.release()
    }
  }

  /** Endpoints of an earlier life: their addresses, ports and links stay theirs; everything else of that life goes. */
  #takeOver(): void {
    for (const [containerId, endpoint] of this.#options.records.all()) {
      this.#endpoints.set(containerId, endpoint)
      const address = parseAddress(endpoint.ipv4)
      if (contains(this.#host.subnet, address)) this.#attempt(() => this.#addresses.reserve(address))
      this.#publisher.restore(endpoint)
    }
    rejoin(this.#socket, this.#host, this.endpoints())
    const strangers = dropStrangers(this.#socket, this.#names, this.#folder, this.endpoints())
    for (const link of strangers) this.#departures.expect(link)
  }

  #prepare(namespace: NewNamespace): Attachment {
    let address: number | undefined
    try {
      address = this.#addresses.allocate()
      const isolated = this.#options.icc === false && !bridgesConsultRules()
      return attach(this.#socket, this.#host, namespace, address, isolated)
    } catch (error) {
      if (address !== undefined) this.#addresses.release(address)
      dropNamespace(namespace.path, namespace.socket)
      throw error
    }
  }

  #discard(attachment: Attachment): void {
    this.#addresses.release(attachment.address)
    this.#attempt(() => dropNamespace(attachment.path, attachment.socket))
    this.#departures.expect(attachment.name)
  }

  #forwardPackets(): void {
    if (setSysctl("ipv4/ip_forward", "1"))
      this.#options.log("switched on net.ipv4.ip_forward: containers reach other networks through this host")
  }

  #inspect(): void {
    this.#attempt(() => {
      if (this.#rules.repair())
        this.#options.log(`table ${this.#rules.table} had been removed by another program; installed again`)
    })
  }

  #attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#options.log(`network ${this.bridge}: ${messageOf(error)}`)
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

const describe = ({ protocol, hostIp, hostPort, containerPort }: BoundPort, containerIp: string): string =>
  `${hostIp}:${hostPort}→${containerIp}:${containerPort}/${protocol}`
