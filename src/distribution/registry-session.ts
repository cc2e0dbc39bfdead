import { Failure } from "../errors/failure.ts"
import type { Authorizer } from "./authorizer.ts"
import { ConnectionFailure } from "./connection-failure.ts"
import type { Credentials } from "./credentials.ts"
import type { Endpoint } from "./endpoints.ts"
import { type ContactTimes, firstContact } from "./first-contact.ts"
import type { HttpAnswer, HttpBody, HttpClient, HttpRequest } from "./http-client.ts"
import { readText } from "./read-bytes.ts"
import { registryError } from "./registry-error.ts"

export interface SessionRequest {
  readonly method: string
  /** Relative to the API's root (`/NAME/manifests/TAG`), or a whole address that the registry gave. */
  readonly to: string | URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: HttpBody
  /** The rights that the request needs. */
  readonly scopes: readonly string[]
  /** Statuses that are answers; every other one is a failure. */
  readonly expect: readonly number[]
  readonly signal?: AbortSignal
}

const mostRedirects = 10
/** Milliseconds that a mirror may be silent: another host has what it has. */
const mirrorPatience = 15_000
const largestError = 64 << 10

/** Requests to one endpoint as one user: authorized, redirects followed, refusals as failures. */
export class RegistrySession {
  readonly endpoint: Endpoint
  readonly #http: HttpClient
  readonly #authorizer: Authorizer
  readonly #credentials: Credentials | undefined
  readonly #times: ContactTimes
  #answered = false

  constructor(parts: {
    readonly endpoint: Endpoint
    readonly http: HttpClient
    readonly authorizer: Authorizer
    readonly credentials: Credentials | undefined
    readonly times: ContactTimes
  }) {
    this.endpoint = parts.endpoint
    this.#http = parts.http
    this.#authorizer = parts.authorizer
    this.#times = parts.times
    // A mirror is another party: the registry's credentials are none of its business.
    this.#credentials = parts.endpoint.mirror ? undefined : parts.credentials
  }

  /** @throws RegistryError for a refusal; ConnectionFailure; unauthenticated when there are no credentials to answer with */
  async request(request: SessionRequest): Promise<HttpAnswer> {
    const { endpoint } = this
    const url = this.#address(request.to)
    const authorization = {
      origin: endpoint.url.origin,
      credentials: this.#credentials,
      scopes: request.scopes,
      renamed: endpoint.url.pathname !== "/v2",
      ...(endpoint.tls ? { tls: endpoint.tls } : {}),
      ...(request.signal ? { signal: request.signal } : {}),
    }
    const own = url.origin === endpoint.url.origin
    let header = own ? await this.#explained(url, request, () => this.#authorizer.header(authorization)) : undefined
    for (let challenged = false; ; challenged = true) {
      const answer = await this.#follow(url, request, header)
      if (request.expect.includes(answer.status)) return answer
      const text = await readText(answer.body, largestError).catch(() => "")
      if (answer.status === 401 && own && !challenged) {
        const used = header
        const next = await this.#explained(url, request, () => this.#authorizer.retry(authorization, answer, used))
        if (next !== undefined) {
          header = next
          continue
        }
      }
      throw registryError(answer, text)
    }
  }

  /** Sends, and goes where the registry points. Other hosts get no credentials. */
  async #follow(from: URL, request: SessionRequest, authorization: string | undefined): Promise<HttpAnswer> {
    let url = from
    for (let redirects = 0; ; redirects++) {
      const own = url.origin === this.endpoint.url.origin
      const answer = await this.#send({
        method: request.method,
        url,
        headers: {
          ...(own ? this.endpoint.headers : {}),
          ...request.headers,
          ...(own && authorization ? { Authorization: authorization } : {}),
        },
        ...(request.body ? { body: request.body } : {}),
        ...(own && this.endpoint.tls ? { tls: this.endpoint.tls } : {}),
        ...(this.endpoint.mirror ? { patience: mirrorPatience } : {}),
        ...(request.signal ? { signal: request.signal } : {}),
      })
      const location = answer.headers.get("location")
      if (![301, 302, 303, 307, 308].includes(answer.status) || !location) return answer
      if (request.expect.includes(answer.status)) return answer
      for await (const _ of answer.body);
      if (redirects === mostRedirects) {
        throw new Failure("unavailable", `${request.method} "${from.href}": stopped after ${mostRedirects} redirects`)
      }
      const next = new URL(location, url)
      if (next.protocol !== "https:" && next.protocol !== "http:") {
        throw new Failure("unavailable", `${from.host} redirects to ${next.href}: only http and https are followed`)
      }
      url = next
    }
  }

  async #send(request: HttpRequest): Promise<HttpAnswer> {
    const { url, mirror, tls, headers } = this.endpoint
    const own = request.url.origin === url.origin
    try {
      if (!own || mirror || this.#answered) return await this.#http.request(request)
      const root = { method: "GET", url: new URL(`${url.href.replace(/\/+$/, "")}/`), headers, ...(tls ? { tls } : {}) }
      const answer = await firstContact(this.#http, request, root, this.#times)
      this.#answered = true
      return answer
    } catch (error) {
      throw own && error instanceof ConnectionFailure ? error.ofRegistry(url) : error
    }
  }

  #address(to: string | URL): URL {
    if (to instanceof URL) return to
    const url = new URL(`${this.endpoint.url.href.replace(/\/+$/, "")}${to}`)
    if (this.endpoint.namespace) url.searchParams.set("ns", this.endpoint.namespace)
    return url
  }

  /** Missing credentials are told with the request that needs them, as Docker does. */
  async #explained<T>(url: URL, { method }: SessionRequest, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof Failure) || error.message !== "no basic auth credentials") throw error
      const verb = method.charAt(0) + method.slice(1).toLowerCase()
      throw new Failure("unauthenticated", `${verb} "${url.href}": ${error.message}`, error)
    }
  }
}
