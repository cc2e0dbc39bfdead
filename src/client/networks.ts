import type { NetworkInspect } from "../api/network.ts"
import type { ClientFilters } from "./query.ts"
import type { Transport } from "./transport.ts"

/** `/networks/…`. */
export class NetworksClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  list(filters: ClientFilters = new Map()): Promise<readonly NetworkInspect[]> {
    return this.#transport.json("GET", "/networks", { query: { filters } })
  }

  /** As the daemon wrote it. */
  inspectText(name: string, query: { readonly verbose?: boolean } = {}): Promise<string> {
    return this.#transport.text("GET", `/networks/${encodeURIComponent(name)}`, { query })
  }
}
