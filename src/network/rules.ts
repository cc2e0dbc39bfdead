import { type Nftables, NftablesError } from "../linux/nftables.ts"

/** One published port as the kernel sees it. */
export interface Forwarding {
  readonly protocol: "tcp" | "udp" | "sctp"
  /** `0.0.0.0` for every address of the host. */
  readonly hostIp: string
  readonly hostPort: number
  readonly containerIp: string
  readonly containerPort: number
}

/** What the rules know of one bridge. */
export interface BridgeRules {
  readonly bridge: string
  readonly subnet: string
  /** Hide containers' addresses behind the host's when they talk to the outside. */
  readonly masquerade: boolean
  /** Containers of this bridge may talk to each other. */
  readonly betweenContainers: boolean
}

/** An address of the host's own service for containers, which no published port may shadow. */
export interface OwnService {
  readonly protocol: "tcp" | "udp"
  readonly address: string
  readonly port: number
}

/**
 * One daemon's nftables table. Rules are constant and few; what changes are elements of sets and maps, so the cost of a
 * packet does not grow with networks or ports.
 *
 * Other programs' tables stay untouched. nftables runs every base chain of a hook, and a drop in any of them is final: when
 * another program's forward chain drops by policy (dockerd's and ufw's do), no verdict here can let packets pass.
 * {@link foreignForwardDrops} finds such chains; an exception can only be made in them, by whom they belong to.
 */
export class Rules {
  readonly table: string
  readonly #nft: Nftables
  readonly #bridges = new Map<string, BridgeRules>()
  readonly #forwardings = new Map<string, Forwarding>()
  readonly #services = new Map<string, OwnService>()
  #installed = false

  /** `name` distinguishes daemons: the name of the daemon's bridge. */
  constructor(nft: Nftables, name: string) {
    this.#nft = nft
    this.table = `barge_${name}`
  }

  addBridge(rules: BridgeRules): void {
    this.#bridges.set(rules.bridge, rules)
    if (this.#installed) this.install()
  }

  addService(service: OwnService): void {
    this.#services.set(serviceKey(service), service)
    if (this.#installed) this.install()
  }

  /** Opens ports, all or none. @throws NftablesError */
  publish(forwardings: readonly Forwarding[]): void {
    if (forwardings.length === 0) return
    for (const forwarding of forwardings) this.#forwardings.set(forwardingKey(forwarding), forwarding)
    try {
      this.#change(forwardings.map((forwarding) => this.#element("add", forwarding)))
    } catch (error) {
      for (const forwarding of forwardings) this.#forwardings.delete(forwardingKey(forwarding))
      throw error
    }
  }

  /** Closes ports. Connections that are established go on until they end, as the kernel's connection tracking knows them. */
  withdraw(forwardings: readonly Forwarding[]): void {
    const known = forwardings.filter((forwarding) => this.#forwardings.delete(forwardingKey(forwarding)))
    if (known.length > 0) this.#change(known.map((forwarding) => this.#element("delete", forwarding)))
  }

  /**
   * Puts the whole table in place at one moment, replacing an earlier one. Established connections are not disturbed: their
   * translation lives in connection tracking.
   */
  install(): void {
    this.#nft.run(this.#script())
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

  /** Runs changes of elements; when the table has gone, installs it with the change already in it. */
  #change(commands: readonly string[]): void {
    if (!this.#installed) return
    try {
      this.#nft.run(commands.join("\n"))
    } catch (error) {
      if (!(error instanceof NftablesError && error.missing)) throw error
      this.install()
    }
  }

  #element(verb: "add" | "delete", forwarding: Forwarding): string {
    const { protocol, hostIp, hostPort, containerIp, containerPort } = forwarding
    const value = `${containerIp} . ${containerPort}`
    return hostIp === "0.0.0.0"
      ? `${verb} element inet ${this.table} published_any { ${protocol} . ${hostPort} : ${value} }`
      : `${verb} element inet ${this.table} published { ${protocol} . ${hostIp} . ${hostPort} : ${value} }`
  }

  #script(): string {
    const { table } = this
    const bridges = [...this.#bridges.values()]
    const elements = (set: string, values: readonly string[]) =>
      values.length ? [`add element inet ${table} ${set} { ${values.join(", ")} }`] : []
    return [
      `add table inet ${table}`,
      `delete table inet ${table}`,
      tableText(table),
      ...elements(
        "bridges",
        bridges.map(({ bridge }) => `"${bridge}"`),
      ),
      ...elements(
        "same",
        bridges.filter((b) => b.betweenContainers).map(({ bridge }) => `"${bridge}" . "${bridge}"`),
      ),
      ...elements(
        "home",
        bridges.map(({ bridge, subnet }) => `"${bridge}" . ${subnet}`),
      ),
      ...elements(
        "hidden",
        bridges.filter((b) => b.masquerade).map(({ subnet }) => subnet),
      ),
      ...elements("services", [...this.#services.keys()]),
      ...[...this.#forwardings.values()].map((forwarding) => this.#element("add", forwarding)),
    ].join("\n")
  }
}

const serviceKey = ({ protocol, address, port }: OwnService): string => `${protocol} . ${address} . ${port}`

const forwardingKey = ({ protocol, hostIp, hostPort }: Forwarding): string => `${protocol}/${hostIp}/${hostPort}`

/**
 * The constant part. `raw` guards the host's loopback, which route_localnet opens to the bridges; `to_container` serves
 * packets for any address of the host, 127.0.0.1 too; `postrouting` gives an address that answers find back to in three
 * cases: from the host's loopback, from a container to a published port of its own network, and to the outside; `forward` lets in only
 * answers, published ports and neighbours.
 */
const tableText = (table: string): string => `
table inet ${table} {
  set bridges { type ifname; }
  set same { type ifname . ifname; }
  set home { type ifname . ipv4_addr; flags interval; }
  set hidden { type ipv4_addr; flags interval; }
  set services { type inet_proto . ipv4_addr . inet_service; }
  map published { type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; }
  map published_any { type inet_proto . inet_service : ipv4_addr . inet_service; }
  chain raw {
    type filter hook prerouting priority raw; policy accept;
    iifname @bridges ip daddr 127.0.0.0/8 drop
    iifname @bridges ip saddr 127.0.0.0/8 drop
  }
  chain to_container {
    meta l4proto . ip daddr . th dport @services return
    dnat ip to meta l4proto . ip daddr . th dport map @published
    dnat ip to meta l4proto . th dport map @published_any
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    meta nfproto ipv4 fib daddr type local jump to_container
  }
  chain output {
    type nat hook output priority -100; policy accept;
    meta nfproto ipv4 fib daddr type local jump to_container
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname @bridges ip saddr 127.0.0.0/8 masquerade
    ct status dnat oifname . ip saddr @home masquerade
    oifname != @bridges ip saddr @hidden masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname != @bridges oifname != @bridges accept
    ct state established,related accept
    ct status dnat accept
    iifname . oifname @same accept
    oifname @bridges drop
  }
}`

/** Forward chains of other programs that drop by policy, as `FAMILY TABLE CHAIN`. */
export function foreignForwardDrops(nft: Nftables): readonly string[] {
  return nft.list("list chains").flatMap((item) => {
    const chain = item["chain"] as Readonly<Record<string, string>> | undefined
    const drops = chain?.["hook"] === "forward" && chain["policy"] === "drop" && chain["family"] !== "ip6"
    return chain && drops ? [`${chain["family"]} ${chain["table"]} ${chain["name"]}`] : []
  })
}
