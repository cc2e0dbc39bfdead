import type { Reference } from "../oci/reference.ts"
import type { ProxySettings } from "../std/http/proxy.ts"
import { Authorizer } from "./authorizer.ts"
import { TlsContexts } from "./certificates.ts"
import type { Credentials } from "./credentials.ts"
import { checkSettings, type Endpoint, endpointsOf, type RegistrySettings } from "./endpoints.ts"
import { type ContactTimes, usualContactTimes } from "./first-contact.ts"
import { HttpClient } from "./http-client.ts"
import { RegistrySession } from "./registry-session.ts"
import { Repository } from "./repository.ts"
import { defaultRetries, type RetryPolicy } from "./retry.ts"
import type { MirrorTrouble } from "./ways.ts"

export interface RegistriesOptions {
  readonly settings: RegistrySettings
  readonly proxies: ProxySettings
  readonly retries?: RetryPolicy
  /** Milliseconds without a byte after which a connection counts as lost; also for connecting when it is shorter than usual there. */
  readonly stallTimeout?: number
  /** How long hosts that do not answer are waited for. */
  readonly contactTimes?: ContactTimes
  /** Told when a mirror is left for the next host. */
  readonly trouble?: MirrorTrouble
}

/** Every registry, as this daemon may reach it. Connections and tokens are shared by all that is done with it. */
export class Registries implements Disposable {
  readonly http: HttpClient
  readonly #authorizer: Authorizer
  readonly #contexts = new TlsContexts()
  readonly #retries: RetryPolicy
  readonly #trouble: MirrorTrouble
  readonly #times: ContactTimes
  #settings: RegistrySettings

  /** @throws invalidArgument for settings that cannot be used */
  constructor(options: RegistriesOptions) {
    checkSettings(options.settings)
    this.#settings = options.settings
    this.#retries = options.retries ?? defaultRetries
    this.#trouble = options.trouble ?? (() => {})
    this.#times = options.contactTimes ?? usualContactTimes
    this.http = new HttpClient({
      proxies: options.proxies,
      ...(options.stallTimeout === undefined
        ? {}
        : { stallTimeout: options.stallTimeout, dialTimeout: Math.min(30_000, options.stallTimeout) }),
    })
    this.#authorizer = new Authorizer(this.http, this.#times.token)
  }

  /** Takes over other settings and proxies. @throws invalidArgument, and keeps the old ones */
  configure(settings: RegistrySettings, proxies: ProxySettings): void {
    checkSettings(settings)
    this.#settings = settings
    this.http.configure(proxies)
  }

  /** The repository of `reference`, as the user with `credentials`. @throws invalidArgument when its configuration cannot be used */
  async repository(reference: Pick<Reference, "domain" | "path">, credentials?: Credentials): Promise<Repository> {
    const sessions = (await this.#endpoints(reference.domain)).map((endpoint) => this.#session(endpoint, credentials))
    return new Repository({
      name: reference.path,
      domain: reference.domain,
      sessions,
      retries: this.#retries,
      trouble: this.#trouble,
    })
  }

  /** The ways to the registry itself, without its mirrors. */
  async sessions(domain: string, credentials?: Credentials): Promise<readonly RegistrySession[]> {
    const own = (await this.#endpoints(domain)).filter((endpoint) => !endpoint.mirror)
    return own.map((endpoint) => this.#session(endpoint, credentials))
  }

  /** @throws unauthenticated */
  identityToken(session: RegistrySession, credentials: Credentials): Promise<string | undefined> {
    const { endpoint } = session
    return this.#authorizer.identityToken({
      origin: endpoint.url.origin,
      credentials,
      scopes: [],
      ...(endpoint.tls ? { tls: endpoint.tls } : {}),
    })
  }

  [Symbol.dispose](): void {
    this.http[Symbol.dispose]()
  }

  #endpoints(domain: string): Promise<readonly Endpoint[]> {
    return endpointsOf(this.#settings, this.#contexts, domain)
  }

  #session(endpoint: Endpoint, credentials: Credentials | undefined): RegistrySession {
    const [http, authorizer, times] = [this.http, this.#authorizer, this.#times]
    return new RegistrySession({ endpoint, http, authorizer, credentials, times })
  }
}
