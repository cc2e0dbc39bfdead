import { readFileSync } from "node:fs"
import { messageOf } from "../errors/failure.ts"
import { changeFilterTable, type Iptables, saveFilterTable } from "../linux/iptables.ts"
import type { Nftables } from "../linux/nftables.ts"
import { commandsToExcept, commandsToForget, type ForwardChain, forwardChainOf } from "./forward-chain.ts"

export interface HostFirewallOptions {
  readonly nft: Nftables
  /** The daemon's; its chain is `BARGE-NAME`. */
  readonly name: string
  /** Bridges whose packets shall pass at this moment: those with addresses of the family. */
  readonly bridges: (family: 4 | 6) => readonly string[]
  /** The firewall stays as its owner wrote it; what it drops is only told. */
  readonly untouched: boolean
  readonly log: (message: string) => void
}

/** A filter table of iptables: the program for it, and its FORWARD chain as it is called in messages. */
interface Filter {
  readonly program: Iptables
  readonly chain: string
  readonly family: 4 | 6
  /** The policy is known to drop. */
  readonly drops: boolean
}

/** A forward chain of nftables that drops by policy. */
interface Dropping {
  readonly chain: string
  readonly families: readonly (4 | 6)[]
}

/**
 * The host's iptables, where its FORWARD chain drops what no rule accepts: ufw's default, and what dockerd sets. A drop there
 * is final, whatever the daemon's own table says, so packets of containers pass only by a rule in that chain: one jump, behind
 * the rules of others, to a chain of this daemon that accepts what comes from its bridges or goes to them. What of that may
 * pass is decided by the daemon's own table alone. Chains without such a drop are never touched.
 */
export class HostFirewall {
  readonly #options: HostFirewallOptions
  readonly #chain: string
  #excepted: readonly string[] = []
  #dropping: readonly string[] = []
  /** What was said of a filter last, so that nothing is said twice. */
  readonly #said = new Map<Iptables, string>()

  constructor(options: HostFirewallOptions) {
    this.#options = options
    this.#chain = `BARGE-${options.name}`
  }

  /** FORWARD chains of the host that would drop packets of containers, and have a rule of this daemon that lets them pass. */
  get excepted(): readonly string[] {
    return this.#excepted
  }

  /** Forward chains of other programs, of nftables' own too, that drop packets of containers. */
  get dropping(): readonly string[] {
    return this.#dropping
  }

  /** What drops packets of containers, with what its owner can do. */
  warnings(): readonly string[] {
    return this.#dropping.map((chain) =>
      chain.includes("tables-")
        ? `packets of containers are dropped by ${chain}; if they shall pass, accept there what comes from their bridges and what goes to them`
        : `packets of containers are dropped by the policy of another program's chain (${chain}); if they shall pass: ${this.#acceptingRules(chain)}`,
    )
  }

  /** Commands that let packets of containers pass in a chain of nftables. */
  #acceptingRules(chain: string): string {
    const { bridges } = this.#options
    const all = `{ ${[...new Set([...bridges(4), ...bridges(6)])].join(", ")} }`
    return ["iifname", "oifname"].map((end) => `nft insert rule ${chain} ${end} ${all} accept`).join(" && ")
  }

  /** Looks at the firewall as it is now, and adds or removes the exception: at a start, when bridges change, every now and then. */
  adjust(): void {
    const { nft, bridges } = this.#options
    const { chains, filters } = forwardChains(nft)
    const concerned = chains.filter(({ families }) => families.some((family) => bridges(family).length > 0))
    const dropping = new Set(concerned.map(({ chain }) => chain))
    const excepted: string[] = []
    for (const filter of [...filters, ...legacyFilters()]) {
      const state = this.#adjustOne(filter)
      dropping.delete(filter.chain)
      if (state === "excepted") excepted.push(filter.chain)
      if (state === "drops") dropping.add(filter.chain)
    }
    this.#excepted = excepted
    this.#dropping = [...dropping]
  }

  /** Removes every exception. */
  remove(): void {
    for (const filter of [...forwardChains(this.#options.nft).filters, ...legacyFilters()])
      this.#attempt(filter, () => this.#forget(filter, this.#read(filter)))
    this.#excepted = []
  }

  #adjustOne(filter: Filter): "excepted" | "drops" | "passes" {
    const { name, untouched } = this.#options
    const bridges = this.#options.bridges(filter.family)
    let state: "excepted" | "drops" | "passes" = filter.drops && bridges.length > 0 ? "drops" : "passes"
    this.#attempt(filter, () => {
      const chain = this.#read(filter)
      state = chain.drops && bridges.length > 0 ? "drops" : "passes"
      if (state === "passes" || untouched) return this.#forget(filter, chain)
      const commands = commandsToExcept(chain, this.#chain, name, bridges)
      if (commands) changeFilterTable(filter.program, commands)
      state = "excepted"
      this.#say(
        filter,
        `the host's firewall drops what is forwarded (${filter.chain}): its last rule now leads to the chain ${this.#chain}, which lets packets of containers pass; --respect-host-firewall leaves the firewall alone`,
      )
    })
    return state
  }

  #read({ program }: Filter): ForwardChain {
    return forwardChainOf(saveFilterTable(program), this.#chain)
  }

  #forget({ program }: Filter, chain: ForwardChain): void {
    const commands = commandsToForget(chain, this.#chain)
    if (commands) changeFilterTable(program, commands)
  }

  #attempt(filter: Filter, work: () => void): void {
    try {
      work()
    } catch (error) {
      if (filter.drops)
        this.#say(filter, `the host's firewall drops packets of containers (${filter.chain}): ${messageOf(error)}`)
    }
  }

  #say({ program }: Filter, message: string): void {
    if (this.#said.get(program) === message) return
    this.#said.set(program, message)
    this.#options.log(message)
  }
}

/** Chains of nftables with a forward hook: those that drop by policy, and those that are iptables' own. */
function forwardChains(nft: Nftables): { readonly chains: readonly Dropping[]; readonly filters: readonly Filter[] } {
  const chains: Dropping[] = []
  const filters: Filter[] = []
  for (const item of nft.list("list chains")) {
    const { family, table, name, hook, policy } = (item["chain"] ?? {}) as Readonly<Record<string, string>>
    if (hook !== "forward" || family === "bridge") continue
    const chain = `${family} ${table} ${name}`
    const drops = policy === "drop"
    if (chain === "ip filter FORWARD") filters.push({ program: "iptables-nft", chain, family: 4, drops })
    if (chain === "ip6 filter FORWARD") filters.push({ program: "ip6tables-nft", chain, family: 6, drops })
    if (drops) chains.push({ chain, families: family === "ip" ? [4] : family === "ip6" ? [6] : [4, 6] })
  }
  return { chains, filters }
}

/** Filter tables of the kernel's older packet filter, which nftables does not list. */
function legacyFilters(): readonly Filter[] {
  const filters: Filter[] = []
  for (const program of ["iptables-legacy", "ip6tables-legacy"] as const) {
    const family = program === "iptables-legacy" ? 4 : 6
    const names = family === 4 ? "ip_tables_names" : "ip6_tables_names"
    if (textOf(`/proc/self/net/${names}`).split("\n").includes("filter"))
      filters.push({ program, chain: `${program} filter FORWARD`, family, drops: false })
  }
  return filters
}

/** The text of a file of /proc, which is not there where the kernel lacks what it tells of. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
