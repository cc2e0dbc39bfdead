import type { Endpoint, Sandbox } from "./contract.ts"
import { bridgesConsultRules, setSysctl } from "./host-bridge.ts"
import type { LocalNetwork } from "./local-network.ts"
import { type LinkedPort, linkedKey, type Rules } from "./rules.ts"

/**
 * Ports that links open between containers of the default bridge while it keeps its containers apart (`--icc=false`). The ports of
 * such a bridge are isolated from each other, so that no frame passes between them: the host answers a container that asks for
 * the hardware address of a neighbour (RFC 3069) and routes, and the table's forward chain decides. Nothing is needed of links
 * where containers may talk to each other anyway. IPv4 only, as in Docker.
 */
export class LinkedPorts {
  readonly #rules: Rules
  readonly #network: LocalNetwork | undefined
  readonly #opened = new Map<string, LinkedPort>()

  /** @param network the default bridge, if there is one */
  constructor(rules: Rules, network: LocalNetwork | undefined) {
    this.#rules = rules
    this.#network = network?.options.icc === false ? network : undefined
  }

  /** Opens and closes ports as the sandboxes that there are now say. @throws NftablesError */
  update(sandboxes: ReadonlyMap<string, Sandbox>): void {
    if (!this.#network) return
    const wanted = new Map(this.#portsOf(sandboxes).map((port) => [linkedKey(port), port]))
    const [closed, opened] = [missing(this.#opened, wanted), missing(wanted, this.#opened)]
    if (closed.length > 0) this.#rules.closeLinked(closed)
    for (const port of closed) this.#opened.delete(linkedKey(port))
    if (opened.length === 0) return
    if (!bridgesConsultRules()) answerForNeighbours(this.#network.record.hostInterface)
    this.#rules.openLinked(opened)
    for (const port of opened) this.#opened.set(linkedKey(port), port)
  }

  #portsOf(sandboxes: ReadonlyMap<string, Sandbox>): readonly LinkedPort[] {
    const addressOf = ({ endpoints }: { endpoints: readonly Endpoint[] }) =>
      endpoints.find(({ networkId }) => networkId === this.#network!.record.id)?.ipv4?.address
    return [...sandboxes.values()].flatMap(({ peers = [], ...sandbox }) =>
      peers.flatMap(({ containerId, ports }) => {
        const peer = sandboxes.get(containerId)
        const [from, to] = [addressOf(sandbox), peer && addressOf(peer)]
        return from && to ? ports.map((port) => ({ ...port, from, to })) : []
      }),
    )
  }
}

/** The host answers at once for every address of the bridge, to its isolated ports as well. */
function answerForNeighbours(bridge: string): void {
  setSysctl(`ipv4/conf/${bridge}/proxy_arp_pvlan`, "1")
  setSysctl(`ipv4/neigh/${bridge}/proxy_delay`, "0")
}

const missing = <T>(of: ReadonlyMap<string, T>, others: ReadonlyMap<string, unknown>): readonly T[] =>
  [...of].filter(([key]) => !others.has(key)).map(([, value]) => value)
