import { Failure } from "../errors/failure.ts"
import { SystemError } from "../linux/libc.ts"
import { createIpvlan, createMacvlan, deleteLink, linkByName } from "../linux/links.ts"
import type { NetlinkSocket } from "../linux/netlink.ts"
import { type Address, addressOf, cidrOf, contains, formatAddress } from "../std/ip.ts"
import {
  attachToBridge,
  bringUp,
  type InterfacePlan,
  macOf,
  type Place,
  type PlacedAddress,
  randomMac,
  withNamespace,
} from "./attachment.ts"
import { type Endpoint, type EndpointAddress, type NetworkRecord, otherGateway } from "./contract.ts"
import { bridgePorts, bridgesConsultRules, ensureBridge } from "./host-bridge.ts"
import { Addresses } from "./ipam.ts"
import { type DriverOptions, driverOptions } from "./options.ts"
import { ensureParent, probeKind } from "./parent.ts"
import type { BridgeRules } from "./rules.ts"

/** An interface of a container in one network: what an {@link Endpoint} says of the kernel. */
export interface Attached {
  readonly hostInterface: string
  readonly containerInterface: string
  readonly macAddress: string
  readonly ipv4?: EndpointAddress
  readonly ipv6?: EndpointAddress
}

/** What a container asks of its interface. */
export interface AttachmentWish {
  readonly macAddress?: string
  readonly ipv4?: string
  readonly ipv6?: string
  readonly before?: readonly string[]
  readonly withoutIpv6?: boolean
}

interface Family {
  readonly addresses: Addresses
  readonly prefixLength: number
  readonly gateway?: string
}

/** One network in this process: its interface on the host and its addresses. */
export class LocalNetwork {
  readonly record: NetworkRecord
  readonly options: DriverOptions
  readonly #host: NetlinkSocket
  readonly #owner: string
  readonly #families: readonly Family[]
  #index = 0
  /** Interfaces that are in it: containers', and those of places that are kept ready. */
  #interfaces = 0

  constructor(record: NetworkRecord, host: NetlinkSocket, owner: string) {
    this.record = record
    this.options = driverOptions(record)
    this.#host = host
    this.#owner = owner
    this.#families = record.subnets.map((config) => {
      const { subnet } = cidrOf(config.subnet)!
      const reserved = [config.gateway, ...Object.values(config.auxiliary)].flatMap((text) => {
        const address = text === undefined ? undefined : addressOf(text)
        return address ? [address] : []
      })
      const addresses = new Addresses(subnet, {
        ...(config.range ? { range: cidrOf(config.range)!.subnet } : {}),
        reserved,
      })
      const gateway = config.auxiliary[otherGateway[subnet.family]] ?? config.gateway
      return {
        addresses,
        prefixLength: subnet.prefixLength,
        ...(gateway && this.#leadsOut(subnet.family) ? { gateway } : {}),
      }
    })
  }

  /** Whether containers get a default route by this network. */
  #leadsOut(family: 4 | 6): boolean {
    const { internal, driver } = this.record
    // Without a parent its interfaces reach each other and nobody else.
    if (internal || (driver !== "bridge" && this.options.parent === undefined)) return false
    if (driver === "ipvlan") return this.options.ipvlanMode === "l2"
    return driver !== "bridge" || this.#mode(family) !== "isolated"
  }

  #mode(family: 4 | 6) {
    return family === 4 ? this.options.gatewayMode4 : this.options.gatewayMode6
  }

  /** A network whose containers all see each other's frames through the host, so that it can publish their ports. */
  get publishes(): boolean {
    return this.record.driver === "bridge" && !this.record.internal
  }

  /** Default routes out of the interface itself: ipvlan L3 has no gateway. */
  get routesByInterface(): boolean {
    return this.record.driver === "ipvlan" && this.options.ipvlanMode !== "l2" && !this.record.internal
  }

  /** How many more interfaces it has room for: addresses of the scarcest family that can be chosen, and ports of a bridge. */
  get free(): number {
    const ports = this.record.driver === "bridge" ? bridgePorts - this.#interfaces : Number.POSITIVE_INFINITY
    return Math.min(ports, ...this.#families.map(({ addresses }) => addresses.free))
  }

  /** Index of the bridge on the host. */
  get index(): number {
    return this.#index
  }

  /** Makes what the network needs on the host, or finds it. @throws notImplemented when the kernel lacks the driver */
  ensure(): void {
    const { record, options } = this
    if (record.driver === "bridge") {
      this.#index = ensureBridge(this.#host, {
        name: record.hostInterface,
        owner: this.#owner,
        mtu: record.mtu,
        addresses: this.#bridgeAddresses(),
        linkLocal: record.ipv6 && this.#mode(6) !== "isolated",
      })
    } else this.#index = ensureParent(this.#host, record, options)
  }

  /** Refuses a new network whose interfaces this kernel cannot make. @throws notImplemented */
  probe(): void {
    const { driver } = this.record
    if (driver === "bridge") return
    withNamespace("/proc/self/ns/net", (own) => probeKind(this.#host, driver, this.#index, own))
  }

  #bridgeAddresses(): string[] {
    return this.record.subnets.flatMap(({ subnet, gateway }) => {
      const { subnet: parsed } = cidrOf(subnet)!
      if (!gateway || this.#mode(parsed.family) === "isolated") return []
      if (parsed.family === 4 && this.options.inhibitIpv4) return []
      return [`${gateway}/${parsed.prefixLength}`]
    })
  }

  /** What the table has to know; undefined for networks that it has no part in. */
  rules(): BridgeRules | undefined {
    const { record, options } = this
    if (record.driver !== "bridge") return undefined
    const subnets = record.subnets.map(({ subnet }) => subnet)
    const six = (subnet: string) => subnet.includes(":")
    const hidden = subnets.filter((subnet) => {
      const mode = this.#mode(six(subnet) ? 6 : 4)
      return !record.internal && options.masquerade && (mode === "nat" || mode === "nat-unprotected")
    })
    const disguiseOf = (subnet: string) => (six(subnet) ? options.hostAddress6 : options.hostAddress)
    return {
      bridge: record.hostInterface,
      subnets,
      masquerade: hidden.filter((subnet) => !disguiseOf(subnet)),
      disguise: hidden.flatMap((subnet) => {
        const address = disguiseOf(subnet)
        return address ? [[subnet, address] as const] : []
      }),
      betweenContainers: options.icc,
      internal: record.internal,
      open: subnets.filter((subnet) => this.#mode(six(subnet) ? 6 : 4) === "nat-unprotected"),
      pinged: subnets.filter((subnet) => !record.internal && this.#mode(six(subnet) ? 6 : 4) === "routed"),
    }
  }

  /** Takes addresses for an interface: those asked for, or free ones. @throws see {@link Addresses} */
  plan(name: string, wish: AttachmentWish): InterfacePlan {
    const taken: PlacedAddress[] = []
    try {
      for (const family of [4, 6] as const) {
        const asked = family === 4 ? wish.ipv4 : wish.ipv6
        const own = this.#families.filter(({ addresses }) => addresses.subnet.family === family)
        if (own.length === 0 || (family === 6 && wish.withoutIpv6)) continue
        taken.push(asked ? this.#reserve(own, asked) : (this.#again(own, wish.before ?? []) ?? allocate(own)))
      }
    } catch (error) {
      this.#release(
        taken.map(({ address }) => address),
        false,
      )
      throw error
    }
    const macAddress = wish.macAddress?.toLowerCase() || (taken[0] ? macOf(taken[0].address) : randomMac())
    return { name, macAddress, addresses: taken, mtu: this.record.mtu }
  }

  /** The first of the addresses of before that is free. */
  #again(families: readonly Family[], before: readonly string[]): PlacedAddress | undefined {
    for (const text of before) {
      const address = addressOf(text)
      const family = address && families.find(({ addresses }) => addresses.has(address))
      if (!address || !family) continue
      family.addresses.reserve(address)
      return { address, prefixLength: family.prefixLength }
    }
    return undefined
  }

  #reserve(families: readonly Family[], text: string): PlacedAddress {
    const address = addressOf(text)
    const family = address && families.find(({ addresses }) => contains(addresses.subnet, address))
    if (!address || !family)
      throw new Failure(
        "invalidArgument",
        `invalid address ${text}: It does not belong to any of this network's subnets`,
      )
    family.addresses.reserve(address)
    return { address, prefixLength: family.prefixLength }
  }

  /**
   * Makes the interface in a namespace. Takes about a millisecond.
   * @param hostInterface the name of a veth pair's end on the host
   * @throws internal when the bridge has no port left, see {@link isFull}, as for a subnet without a free address; SystemError. The plan's addresses stay taken
   */
  attach(hostInterface: string, place: Place, plan: InterfacePlan): Attached {
    const { driver } = this.record
    if (driver === "bridge") {
      const isolated = !this.options.icc && !bridgesConsultRules()
      try {
        attachToBridge(this.#host, { index: this.#index, isolated }, hostInterface, place, plan)
      } catch (error) {
        deleteLink(this.#host, hostInterface)
        throw this.#whyNot(error)
      }
    } else this.#attachToParent(place, plan)
    this.#interfaces++
    const macAddress = driver === "ipvlan" ? (linkByName(place.route, plan.name)?.macAddress ?? "") : plan.macAddress
    return this.#attached(driver === "bridge" ? hostInterface : "", plan, macAddress)
  }

  /** A kernel's refusal of a further port in words that help. */
  #whyNot(error: unknown): unknown {
    if (!(error instanceof SystemError && error.code === "EXFULL")) return error
    const { name, hostInterface } = this.record
    return new Failure(
      "internal",
      `network ${name} is full: its bridge ${hostInterface} has all the ${bridgePorts} ports that Linux gives a bridge; create another network and connect the container to that`,
      error,
    )
  }

  #attachToParent(place: Place, plan: InterfacePlan): void {
    const { options } = this
    withNamespace(place.path, (namespace) => {
      const link = { name: plan.name, parent: this.#index, namespace, mtu: plan.mtu }
      if (this.record.driver === "macvlan")
        createMacvlan(this.#host, { ...link, mode: options.macvlanMode, macAddress: plan.macAddress })
      else createIpvlan(this.#host, { ...link, mode: options.ipvlanMode, flag: options.ipvlanFlag })
    })
    const { index } = linkByName(place.route, plan.name)!
    place.route.execute(...bringUp(index, plan))
  }

  #attached(hostInterface: string, plan: InterfacePlan, macAddress: string): Attached {
    const found = (family: 4 | 6): EndpointAddress | undefined => {
      const placed = plan.addresses.find(({ address }) => address.family === family)
      if (!placed) return undefined
      const of = this.#families.find(({ addresses }) => contains(addresses.subnet, placed.address))
      return {
        address: formatAddress(placed.address),
        prefixLength: placed.prefixLength,
        ...(of?.gateway ? { gateway: of.gateway } : {}),
      }
    }
    const [ipv4, ipv6] = [found(4), found(6)]
    return {
      hostInterface,
      containerInterface: plan.name,
      macAddress,
      ...(ipv4 ? { ipv4 } : {}),
      ...(ipv6 ? { ipv6 } : {}),
    }
  }

  /** Takes addresses again that an endpoint has had since an earlier life of the daemon. */
  restore(endpoint: Pick<Endpoint, "ipv4" | "ipv6">): void {
    for (const address of addressesIn(endpoint)) {
      const family = this.#families.find(({ addresses }) => contains(addresses.subnet, address))
      family?.addresses.reserve(address)
    }
    this.#interfaces++
  }

  /** Gives an endpoint's addresses back. @param gone whether its interface is no longer in the network */
  release(endpoint: Pick<Endpoint, "ipv4" | "ipv6">, gone: boolean): void {
    this.#interfaces--
    this.#release(addressesIn(endpoint), !gone)
  }

  /** Gives the addresses of a plan back that came to nothing. */
  abandon(plan: InterfacePlan): void {
    this.#release(
      plan.addresses.map(({ address }) => address),
      false,
    )
  }

  #release(addresses: readonly Address[], rest: boolean): void {
    for (const address of addresses) for (const family of this.#families) family.addresses.release(address, rest)
  }
}

/** Whether an interface was refused because the bridge has no port left. */
export const isFull = (error: unknown): boolean =>
  error instanceof Failure && (error.cause as { code?: string } | undefined)?.code === "EXFULL"

function allocate(families: readonly Family[]): PlacedAddress {
  let failure: unknown
  for (const { addresses, prefixLength } of families) {
    try {
      return { address: addresses.allocate(), prefixLength }
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

const addressesIn = ({ ipv4, ipv6 }: Pick<Endpoint, "ipv4" | "ipv6">): readonly Address[] =>
  [ipv4, ipv6].flatMap((entry) => {
    const address = entry && addressOf(entry.address)
    return address ? [address] : []
  })
