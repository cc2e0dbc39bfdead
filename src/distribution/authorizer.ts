import { Failure } from "../errors/failure.ts"
import { KeyedMutex } from "../std/semaphore.ts"
import { type Challenge, parseChallenges } from "./challenge.ts"
import { SilentHost } from "./connection-failure.ts"
import { type Credentials, fingerprint } from "./credentials.ts"
import type { HttpAnswer, HttpClient, HttpRequest, TlsSettings } from "./http-client.ts"
import { readText } from "./read-bytes.ts"
import { registryError } from "./registry-error.ts"

interface Token {
  readonly header: string
  /** Milliseconds since the epoch. */
  readonly expires: number
}

/** What is asked for: for whom, at which registry, with which rights. */
export interface AuthorizationRequest {
  /** `scheme://host` of the registry. */
  readonly origin: string
  readonly credentials: Credentials | undefined
  /** `repository:NAME:pull,push`; sorted by the caller's habit, several for a mount. */
  readonly scopes: readonly string[]
  /** Whether the host may know the repository by another name: then it says itself what is needed. */
  readonly renamed?: boolean
  readonly tls?: TlsSettings
  readonly signal?: AbortSignal
}

/** How long a token without a lifetime lasts, and how much earlier than it says one counts as expired. Milliseconds. */
const shortestLife = 60_000
const early = 5_000
const mostTokens = 2_000

/**
 * Answers the challenges of registries: Basic, and tokens of the service that a Bearer challenge names (distribution
 * token specification). Tokens are kept until they expire, by registry, user and rights.
 */
export class Authorizer {
  readonly #http: HttpClient
  readonly #tokenTime: number
  readonly #challenges = new Map<string, Challenge>()
  readonly #tokens = new Map<string, Token>()
  readonly #fetching = new KeyedMutex()

  /** @param tokenTime milliseconds that a token service may take, from the connection to the last byte of its answer */
  constructor(http: HttpClient, tokenTime: number) {
    this.#http = http
    this.#tokenTime = tokenTime
  }

  /** The `Authorization` header as far as is known without asking; undefined when the registry has not challenged yet. */
  async header(request: AuthorizationRequest): Promise<string | undefined> {
    if (request.credentials?.registryToken) return `Bearer ${request.credentials.registryToken}`
    const challenge = this.#challenges.get(request.origin)
    if (!challenge) return undefined
    try {
      return await this.#answer(challenge, request)
    } catch (error) {
      request.signal?.throwIfAborted()
      // A service that is silent would be silent again, for as long.
      if (!(error instanceof Failure) || error instanceof SilentHost) throw error
      // The registry may ask for something else by now: its next challenge decides.
      this.#challenges.delete(request.origin)
      return undefined
    }
  }

  /**
   * Learns from a 401.
   * @param used the header that was refused
   * @returns the header to try next; undefined when there is no other
   * @throws unauthenticated when credentials are needed and there are none, or the token service refuses
   */
  async retry(
    request: AuthorizationRequest,
    answer: HttpAnswer,
    used: string | undefined,
  ): Promise<string | undefined> {
    if (request.credentials?.registryToken) return undefined
    const offered = parseChallenges(answer.headers.get("www-authenticate"))
    const challenge =
      offered.find((each) => each.scheme === "bearer" && each.parameters["realm"]) ??
      offered.find((each) => each.scheme === "basic")
    if (!challenge) return undefined
    this.#challenges.set(request.origin, challenge)
    if (used) this.#tokens.delete(this.#key(challenge, request))
    const header = await this.#answer(challenge, request)
    return header === used ? undefined : header
  }

  /** Asks the token service for a refresh token, as a login does. @returns undefined when it gives none */
  async identityToken(request: AuthorizationRequest): Promise<string | undefined> {
    const challenge = this.#challenges.get(request.origin)
    if (challenge?.scheme !== "bearer") return undefined
    const document = await this.#fetchToken(challenge, request, true)
    return typeof document["refresh_token"] === "string" ? document["refresh_token"] : undefined
  }

  async #answer(challenge: Challenge, request: AuthorizationRequest): Promise<string | undefined> {
    const { username, password } = request.credentials ?? {}
    if (challenge.scheme === "basic") {
      if (!username) throw new Failure("unauthenticated", "no basic auth credentials")
      return `Basic ${Buffer.from(`${username}:${password ?? ""}`).toString("base64")}`
    }
    const key = this.#key(challenge, request)
    return await this.#fetching.run(key, async () => {
      const known = this.#tokens.get(key)
      if (known && known.expires > Date.now()) return known.header
      const token = tokenOf(await this.#fetchToken(challenge, request, false))
      this.#tokens.set(key, token)
      if (this.#tokens.size > mostTokens) this.#tokens.delete(this.#tokens.keys().next().value!)
      return token.header
    })
  }

  #key(challenge: Challenge, request: AuthorizationRequest): string {
    const { realm, service } = challenge.parameters
    return JSON.stringify([realm, service, scopesOf(challenge, request), fingerprint(request.credentials)])
  }

  async #fetchToken(
    challenge: Challenge,
    request: AuthorizationRequest,
    offline: boolean,
  ): Promise<Readonly<Record<string, unknown>>> {
    const { realm = "", service } = challenge.parameters
    const scopes = scopesOf(challenge, request)
    const { username, password, identityToken } = request.credentials ?? {}
    let url: URL
    try {
      url = new URL(realm)
      if (url.protocol !== "http:" && url.protocol !== "https:") throw new Error(url.protocol)
    } catch (error) {
      throw new Failure(
        "unavailable",
        `the registry ${request.origin} names no usable token service: "${realm}"`,
        error,
      )
    }
    const tls = request.tls && url.protocol === "https:" ? { tls: request.tls } : {}
    let ask: HttpRequest
    if (identityToken) {
      const form = new URLSearchParams({
        grant_type: "refresh_token",
        service: service ?? "",
        client_id: "docker",
        ...(scopes.length > 0 ? { scope: scopes.join(" ") } : {}),
        refresh_token: identityToken,
      })
      const bytes = Buffer.from(form.toString())
      ask = {
        method: "POST",
        url,
        headers: { "Content-Type": "application/x-www-form-urlencoded" },
        body: { length: bytes.length, open: () => once(bytes) },
        ...tls,
      }
    } else {
      if (service) url.searchParams.set("service", service)
      for (const scope of scopes) url.searchParams.append("scope", scope)
      if (username) url.searchParams.set("account", username)
      if (offline) {
        url.searchParams.set("offline_token", "true")
        url.searchParams.set("client_id", "docker")
      }
      const basic = Buffer.from(`${username}:${password ?? ""}`).toString("base64")
      const headers = username ? { headers: { Authorization: `Basic ${basic}` } } : {}
      ask = { method: "GET", url, ...headers, ...tls }
    }
    const { answer, text } = await this.#exchange(ask, request.signal)
    if (answer.status !== 200) throw registryError(answer, text)
    try {
      return JSON.parse(text) as Readonly<Record<string, unknown>>
    } catch (error) {
      throw new Failure("unavailable", `the token service ${url.host} answered with something that is not JSON`, error)
    }
  }

  /** Asks a token service and reads its answer. @throws SilentHost when it takes too long, however slowly its bytes come */
  async #exchange(ask: HttpRequest, caller: AbortSignal | undefined): Promise<{ answer: HttpAnswer; text: string }> {
    const late = AbortSignal.timeout(this.#tokenTime)
    try {
      const signal = AbortSignal.any([late, ...(caller ? [caller] : [])])
      const answer = await this.#http.request({ ...ask, signal })
      return { answer, text: await readText(answer.body, 1 << 20) }
    } catch (error) {
      caller?.throwIfAborted()
      throw late.aborted ? new SilentHost(ask.url, this.#tokenTime) : error
    }
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

function scopesOf(challenge: Challenge, request: AuthorizationRequest): readonly string[] {
  const asked = challenge.parameters["scope"]?.split(" ").filter(Boolean) ?? []
  return request.scopes.length === 0 || (request.renamed && asked.length > 0) ? asked : request.scopes
}

function tokenOf(document: Readonly<Record<string, unknown>>): Token {
  const token = document["token"] ?? document["access_token"]
  if (typeof token !== "string" || token === "") {
    throw new Failure("unauthenticated", "authorization server did not include a token in the response")
  }
  const seconds = Number(document["expires_in"] ?? 0)
  const issued = typeof document["issued_at"] === "string" ? Date.parse(document["issued_at"]) : Number.NaN
  const life = Math.max(shortestLife, Number.isFinite(seconds) ? seconds * 1000 : 0)
  // A clock that is set wrong must not make every token look expired.
  const begin = Math.abs(issued - Date.now()) < life ? issued : Date.now()
  return { header: `Bearer ${token}`, expires: begin + life - early }
}
