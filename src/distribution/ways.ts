import { Failure, messageOf } from "../errors/failure.ts"
import { ConnectionFailure } from "./connection-failure.ts"
import type { Capability } from "./hosts-toml.ts"
import { RegistryError } from "./registry-error.ts"
import type { RegistrySession } from "./registry-session.ts"
import { type RetryPolicy, withRetries } from "./retry.ts"

/** Told of a mirror that could not serve, as it is left for the next way. `host` and `why` are for people. */
export type MirrorTrouble = (host: string, domain: string, why: string) => void

/**
 * The ways that lead to a repository, for the time of one transfer. Mirrors are asked first; what they do not have, the registry is
 * asked for. A way that worked is taken first the next time; a mirror that could not be reached, or sent something wrong, is
 * not asked again.
 */
export class Ways {
  readonly #domain: string
  readonly #sessions: readonly RegistrySession[]
  readonly #retries: RetryPolicy
  readonly #trouble: MirrorTrouble
  readonly #left = new Set<RegistrySession>()
  #working: RegistrySession | undefined

  constructor(parts: {
    readonly domain: string
    readonly sessions: readonly RegistrySession[]
    readonly retries: RetryPolicy
    readonly trouble: MirrorTrouble
  }) {
    this.#domain = parts.domain
    this.#sessions = parts.sessions
    this.#retries = parts.retries
    this.#trouble = parts.trouble
  }

  /** As {@link once}; what fails for the moment is tried again at the registry. A mirror has one chance. */
  patiently<T>(
    capability: Capability,
    signal: AbortSignal | undefined,
    work: (session: RegistrySession) => Promise<T>,
  ): Promise<T> {
    return this.once(capability, signal, (session) =>
      session.endpoint.mirror ? work(session) : withRetries(this.#retries, signal, () => work(session)),
    )
  }

  /** Runs `work` over the ways until one succeeds. @throws the last failure that says something of the registry */
  async once<T>(
    capability: Capability,
    signal: AbortSignal | undefined,
    work: (session: RegistrySession) => Promise<T>,
  ): Promise<T> {
    let failure: unknown
    for (const session of this.#order(capability)) {
      try {
        const result = await work(session)
        this.#working = session
        return result
      } catch (error) {
        signal?.throwIfAborted()
        // Its answer stands when the registry itself has answered.
        if (!session.endpoint.mirror && !(error instanceof ConnectionFailure)) throw error
        if (!isMiss(error)) this.leave(session, error)
        failure = error
      }
    }
    throw failure ?? new Failure("unavailable", `no host is configured to ${capability} from for ${this.#domain}`)
  }

  /**
   * Leaves a mirror for the next way, for good.
   * @returns whether there is another way; never for the registry itself
   */
  leave(session: RegistrySession, why: unknown): boolean {
    if (!session.endpoint.mirror) return false
    if (!this.#left.has(session)) this.#trouble(session.endpoint.url.host, this.#domain, messageOf(why))
    this.#left.add(session)
    if (this.#working === session) this.#working = undefined
    return this.#sessions.some((each) => !this.#left.has(each))
  }

  #order(capability: Capability): readonly RegistrySession[] {
    const able = this.#sessions.filter(
      (session) => session.endpoint.capabilities.has(capability) && !this.#left.has(session),
    )
    const first = able.find((session) => session === this.#working)
    return first ? [first, ...able.filter((session) => session !== first)] : able
  }
}

/** Whether a mirror answered properly that it does not have, or does not give, what it was asked for. */
const isMiss = (error: unknown): boolean =>
  error instanceof RegistryError && error.status >= 400 && error.status < 500 && error.status !== 429
