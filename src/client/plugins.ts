import type { ClientFilters } from "./query.ts"
import { readText, type Transport } from "./transport.ts"

/** A managed plugin, as lists show it. */
export interface PluginSummary {
  readonly Id: string
  readonly Name: string
  readonly Enabled: boolean
  readonly Config: { readonly Description: string }
  readonly PluginReference?: string
}

/** What a plugin wants to be allowed. */
export interface PluginPrivilege {
  readonly Name: string
  readonly Description: string
  readonly Value: readonly string[] | null
}

/** `/plugins/…`. */
export class PluginsClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  list(filters: ClientFilters): Promise<readonly PluginSummary[]> {
    return this.#transport.json("GET", "/plugins", { query: { filters } })
  }

  /** As the daemon wrote it. */
  inspectText(name: string): Promise<string> {
    return this.#transport.text("GET", path(name, "/json"))
  }

  privileges(remote: string): Promise<readonly PluginPrivilege[]> {
    return this.#transport.json("GET", "/plugins/privileges", { query: { remote } })
  }

  /** Pulls and installs. Resolves when the daemon is done. */
  async pull(query: { readonly remote: string; readonly name: string }, granted: readonly PluginPrivilege[]) {
    await readText((await this.#transport.request("POST", "/plugins/pull", { query, body: granted })).body)
  }

  async upgrade(name: string, remote: string, granted: readonly PluginPrivilege[]): Promise<void> {
    const request = { query: { remote }, body: granted }
    await readText((await this.#transport.request("POST", path(name, "/upgrade"), request)).body)
  }

  /** Makes one of a tar with `config.json` and `rootfs`. */
  async create(name: string, upload: AsyncIterable<Uint8Array>): Promise<void> {
    const headers = { "Content-Type": "application/x-tar" }
    await this.#transport.text("POST", "/plugins/create", { query: { name }, upload, headers })
  }

  /** @param timeout seconds */
  async enable(name: string, timeout: number): Promise<void> {
    await this.#transport.text("POST", path(name, "/enable"), { query: { timeout } })
  }

  async disable(name: string, force: boolean): Promise<void> {
    await this.#transport.text("POST", path(name, "/disable"), { query: { force } })
  }

  async set(name: string, settings: readonly string[]): Promise<void> {
    await this.#transport.text("POST", path(name, "/set"), { body: settings })
  }

  async push(name: string): Promise<void> {
    await readText((await this.#transport.request("POST", path(name, "/push"))).body)
  }

  async remove(name: string, force: boolean): Promise<void> {
    await this.#transport.text("DELETE", path(name), { query: { force } })
  }
}

const path = (name: string, verb = "") => `/plugins/${encodeURI(name).replace(/[?#]/g, encodeURIComponent)}${verb}`
