import type { ExposedPort } from "../api/exposure.ts"
import type {
  EndpointSettings,
  NetworkCreateRequest,
  NetworkCreateResponse,
  NetworkInspect,
  NetworksPruneResponse,
} from "../api/network.ts"
import type { ClientFilters } from "./query.ts"
import type { Transport } from "./transport.ts"

/** `/networks/…`. `name` is a name, an ID or the beginning of one. */
export class NetworksClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  list(filters: ClientFilters = new Map()): Promise<readonly NetworkInspect[]> {
    return this.#transport.json("GET", "/networks", { query: { filters } })
  }

  /** The ports of the daemon's host that lead to containers. */
  exposed(): Promise<readonly ExposedPort[]> {
    return this.#transport.json("GET", "/ports")
  }

  inspect(name: string): Promise<NetworkInspect> {
    return this.#transport.json("GET", path(name))
  }

  /** As the daemon wrote it. */
  inspectText(name: string, query: { readonly verbose?: boolean; readonly scope?: string } = {}): Promise<string> {
    return this.#transport.text("GET", path(name), { query })
  }

  create(body: NetworkCreateRequest): Promise<NetworkCreateResponse> {
    return this.#transport.json("POST", "/networks/create", { body })
  }

  async connect(
    name: string,
    body: { readonly Container: string; readonly EndpointConfig: Partial<EndpointSettings> },
  ): Promise<void> {
    await this.#transport.text("POST", path(name, "/connect"), { body })
  }

  async disconnect(name: string, body: { readonly Container: string; readonly Force: boolean }): Promise<void> {
    await this.#transport.text("POST", path(name, "/disconnect"), { body })
  }

  async remove(name: string): Promise<void> {
    await this.#transport.text("DELETE", path(name))
  }

  prune(filters: ClientFilters): Promise<NetworksPruneResponse> {
    return this.#transport.json("POST", "/networks/prune", { query: { filters } })
  }
}

const path = (name: string, verb = "") => `/networks/${encodeURIComponent(name)}${verb}`
