import { readFileSync } from "node:fs"
import { Failure } from "../../errors/failure.ts"
import type { ClientConfig } from "../client-config.ts"
import { type ContextRecord, ContextStore, type TlsFiles } from "./store.ts"

/** What flags and environment say about the daemon, without a context. */
export interface DefaultEndpoint {
  /** `unix:///…`, `tcp://…`, `ssh://…` */
  readonly host: string
  readonly skipsVerification: boolean
  /** Paths of TLS files by their name in a context. */
  readonly tls: ReadonlyMap<string, string>
}

/** How the default context is described. */
export const defaultDescription = "Current DOCKER_HOST based configuration"

/** Contexts by name: the stored ones, and `default`, which is what flags and environment say. */
export class Contexts {
  readonly store: ContextStore
  /** The name of the context in use. */
  readonly current: string
  /** Whether a variable or `--host` sets the daemon, so that the stored choice does not count. */
  readonly #default: () => DefaultEndpoint

  constructor(config: ClientConfig, current: string, fallback: () => DefaultEndpoint) {
    this.store = new ContextStore(config.folder)
    this.current = current
    this.#default = fallback
  }

  /** @throws notFound */
  get(name: string): ContextRecord {
    if (name !== "default") return this.store.get(name)
    const { host, skipsVerification } = this.#default()
    return { Name: "default", Metadata: {}, Endpoints: { docker: { Host: host, SkipTLSVerify: skipsVerification } } }
  }

  tls(name: string): TlsFiles {
    if (name !== "default") return this.store.tls(name)
    return new Map([...this.#default().tls].map(([file, path]) => [file, readFileSync(path)]))
  }

  /** All, `default` last. */
  list(): readonly ContextRecord[] {
    return [...this.store.list(), this.get("default")]
  }

  /** @throws invalidArgument for a name that cannot be used, conflict when it is taken */
  checkNew(name: string): void {
    if (this.store.has(name)) throw new Failure("conflict", `context ${JSON.stringify(name)} already exists`)
  }
}
