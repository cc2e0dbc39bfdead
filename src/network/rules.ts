import { type Nftables, NftablesError } from "../linux/nftables.ts"
import { tableText } from "./table.ts"

/** One published port, or a range of ports with the same numbers on both sides, as the kernel sees it. */
export interface Forwarding {
  readonly protocol: "tcp" | "udp" | "sctp"
  /** `0.0.0.0` or `::` for every address of the host's. */
  readonly hostIp: string
  readonly hostPort: number
  readonly containerIp: string
  readonly containerPort: number
  /** The last port of the range; ports before it go to the port of the same number. */
  readonly lastPort?: number
}

/** What the rules know of one bridge. */
export interface BridgeRules {
  readonly bridge: string
  readonly subnets: readonly string[]
  /** Subnets whose containers are hidden behind the host's address when they talk to the outside. */
  readonly masquerade: readonly string[]
  /** Subnet and the host's address that its containers are seen with outside. */
  readonly disguise: readonly (readonly [subnet: string, address: string])[]
  /** Containers of this bridge may talk to each other. */
  readonly betweenContainers: boolean
  /** Nothing goes out of this bridge or comes in. */
  readonly internal: boolean
  /** Subnets whose containers are reached from outside at every port (gateway mode nat-unprotected). */
  readonly open: readonly string[]
  /** Subnets whose containers answer ICMP from outside (gateway mode routed). */
  readonly pinged: readonly string[]
}

/** An address of the host's own service for containers, which no published port may shadow. */
export interface OwnService {
  readonly protocol: "tcp" | "udp"
  readonly address: string
  readonly port: number
}

/** A container's port that is reached at the container's own address from outside (gateway mode routed). */
export interface RoutedPort {
  readonly protocol: "tcp" | "udp" | "sctp"
  readonly address: string
  readonly port: number
}

/** A container's port that one other container of its bridge reaches, though the bridge keeps its containers apart. */
export interface LinkedPort {
  readonly protocol: "tcp" | "udp" | "sctp"
  /** The IPv4 address of the one that may connect. */
  readonly from: string
  readonly to: string
  readonly port: number
}

type Element = readonly [set: string, value: string]

/**
 * One daemon's nftables table. Rules are constant and few; what changes are elements of sets and maps, so the cost of a
 * packet does not grow with networks or ports.
 *
 * Other programs' tables stay untouched here. nftables runs every base chain of a hook, and a drop in any of them is final: when
 * another program's forward chain drops by policy (dockerd's and ufw's do), no verdict of this table lets packets pass; see
 * `HostFirewall`.
 */
export class Rules {
  readonly table: string
  readonly #nft: Nftables
  readonly #fromInside: boolean
  readonly #bridges = new Map<string, readonly Element[]>()
  readonly #forwardings = new Map<string, Element>()
  readonly #routed = new Map<string, Element>()
  readonly #linked = new Map<string, Element>()
  readonly #services = new Map<string, Element>()
  #installed = false

  /**
   * @param name distinguishes daemons: the name of the daemon's bridge
   * @param fromInside only this host and containers are led to published ports, not others
   */
  constructor(nft: Nftables, name: string, fromInside: boolean) {
    this.#fromInside = fromInside
    this.#nft = nft
    this.table = `barge_${name}`
  }

  /** Makes a bridge known, or changes what is known of it. @throws NftablesError */
  addBridge(rules: BridgeRules): void {
    this.removeBridge(rules.bridge)
    const elements = bridgeElements(rules)
    this.#bridges.set(rules.bridge, elements)
    this.#change("add", elements)
  }

  removeBridge(bridge: string): void {
    const elements = this.#bridges.get(bridge)
    this.#bridges.delete(bridge)
    if (elements) this.#change("delete", elements)
  }

  addService({ protocol, address, port }: OwnService): void {
    const value = `${protocol} . ${address} . ${port}`
    this.#services.set(value, ["services", value])
    this.#change("add", [["services", value]])
  }

  /** Opens ports, all or none. @throws NftablesError */
  publish(forwardings: readonly Forwarding[]): void {
    this.#add(
      this.#forwardings,
      forwardings.map((one) => [forwardingKey(one), forwardingElement(one)]),
    )
  }

  /** Closes ports. Connections that are established go on until they end, as the kernel's connection tracking knows them. */
  withdraw(forwardings: readonly Forwarding[]): void {
    this.#remove(this.#forwardings, forwardings.map(forwardingKey))
  }

  /** Lets packets from outside reach ports at containers' own addresses. @throws NftablesError */
  openRouted(ports: readonly RoutedPort[]): void {
    this.#add(
      this.#routed,
      ports.map((port) => [routedKey(port), [port.address.includes(":") ? "routed6" : "routed", routedKey(port)]]),
    )
  }

  closeRouted(ports: readonly RoutedPort[]): void {
    this.#remove(this.#routed, ports.map(routedKey))
  }

  /** Lets linked containers reach ports of each other. @throws NftablesError */
  openLinked(ports: readonly LinkedPort[]): void {
    this.#add(
      this.#linked,
      ports.map((port) => [linkedKey(port), ["linked", linkedKey(port)]]),
    )
  }

  closeLinked(ports: readonly LinkedPort[]): void {
    this.#remove(this.#linked, ports.map(linkedKey))
  }

  /**
   * Puts the whole table in place at one moment, replacing an earlier one. Established connections are not disturbed: their
   * translation lives in connection tracking.
   */
  install(): void {
    const { table } = this
    const elements = [
      ...[...this.#bridges.values()].flat(),
      ...this.#services.values(),
      ...this.#forwardings.values(),
      ...this.#routed.values(),
      ...this.#linked.values(),
    ]
    this.#nft.run(
      [
        `add table inet ${table}`,
        `delete table inet ${table}`,
        tableText(table, this.#fromInside),
        ...this.#commands("add", elements),
      ].join("\n"),
    )
    this.#installed = true
  }

  /** Installs the table again when somebody has removed it (`nft flush ruleset`). @returns whether it was missing */
  repair(): boolean {
    if (!this.#installed) return false
    const present = this.#nft
      .list("list tables inet")
      .some((item) => (item["table"] as { name?: string } | undefined)?.name === this.table)
    if (!present) this.install()
    return !present
  }

  remove(): void {
    this.#installed = false
    this.#nft.run(`add table inet ${this.table}\ndelete table inet ${this.table}`)
  }

  #add(known: Map<string, Element>, entries: readonly (readonly [string, Element])[]): void {
    if (entries.length === 0) return
    for (const [key, element] of entries) known.set(key, element)
    try {
      this.#change(
        "add",
        entries.map(([, element]) => element),
      )
    } catch (error) {
      for (const [key] of entries) known.delete(key)
      throw error
    }
  }

  #remove(known: Map<string, Element>, keys: readonly string[]): void {
    const elements = keys.flatMap((key) => {
      const element = known.get(key)
      known.delete(key)
      return element ? [element] : []
    })
    if (elements.length > 0) this.#change("delete", elements)
  }

  /** Changes elements in one transaction; when the table has gone, installs it with the change already in it. */
  #change(verb: "add" | "delete", elements: readonly Element[]): void {
    if (!this.#installed || elements.length === 0) return
    try {
      this.#nft.run(this.#commands(verb, elements).join("\n"))
    } catch (error) {
      if (!(error instanceof NftablesError && error.missing)) throw error
      this.install()
    }
  }

  /** One command per set: libnftables takes thousands of elements in one faster than as many commands. */
  #commands(verb: "add" | "delete", elements: readonly Element[]): readonly string[] {
    const bySet = Map.groupBy(elements, ([set]) => set)
    return [...bySet].map(
      ([set, found]) => `${verb} element inet ${this.table} ${set} { ${found.map(([, value]) => value).join(", ")} }`,
    )
  }
}

const six = (text: string): boolean => text.includes(":")

function bridgeElements(rules: BridgeRules): readonly Element[] {
  const bridge = `"${rules.bridge}"`
  return [
    ["bridges", bridge],
    ...(rules.betweenContainers ? [["same", `${bridge} . ${bridge}`] as const] : []),
    ...(rules.internal ? [["internal", bridge] as const] : []),
    ...rules.subnets.map((subnet) => [six(subnet) ? "home6" : "home", `${bridge} . ${subnet}`] as const),
    ...rules.masquerade.map((subnet) => [six(subnet) ? "hidden6" : "hidden", subnet] as const),
    ...rules.open.map((subnet) => [six(subnet) ? "open6" : "open", subnet] as const),
    ...rules.pinged.map((subnet) => [six(subnet) ? "pinged6" : "pinged", subnet] as const),
    ...rules.disguise.map(
      ([subnet, address]) => [six(subnet) ? "disguise6" : "disguise", `${subnet} : ${address}`] as const,
    ),
  ]
}

const routedKey = ({ protocol, address, port }: RoutedPort): string => `${protocol} . ${address} . ${port}`

/** One spelling of a linked port: its element in the table's set. */
export const linkedKey = ({ protocol, from, to, port }: LinkedPort): string => `${protocol} . ${from} . ${to} . ${port}`

const forwardingKey = ({ protocol, hostIp, hostPort }: Forwarding): string => `${protocol}/${hostIp}/${hostPort}`

function forwardingElement(forwarding: Forwarding): Element {
  const { protocol, hostIp, hostPort, containerIp, containerPort, lastPort } = forwarding
  const family = six(containerIp) ? "6" : ""
  const any = hostIp === "0.0.0.0" || hostIp === "::"
  const place = any ? protocol : `${protocol} . ${hostIp}`
  if (lastPort !== undefined) {
    return [`${any ? "ranges_any" : "ranges"}${family}`, `${place} . ${hostPort}-${lastPort} : ${containerIp}`]
  }
  return [
    `${any ? "published_any" : "published"}${family}`,
    `${place} . ${hostPort} : ${containerIp} . ${containerPort}`,
  ]
}
