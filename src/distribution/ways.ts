import { Failure } from "../errors/failure.ts"
import { ConnectionFailure } from "./connection-failure.ts"
import type { Capability } from "./hosts-toml.ts"
import type { RegistrySession } from "./registry-session.ts"
import { type RetryPolicy, withRetries } from "./retry.ts"

/**
 * The ways that lead to a repository. Mirrors are asked first; what they do not have, the registry is asked for. A way that worked is
 * taken first the next time.
 */
export class Ways {
  readonly #domain: string
  readonly #sessions: readonly RegistrySession[]
  readonly #retries: RetryPolicy
  #working: RegistrySession | undefined

  constructor(parts: {
    readonly domain: string
    readonly sessions: readonly RegistrySession[]
    readonly retries: RetryPolicy
  }) {
    this.#domain = parts.domain
    this.#sessions = parts.sessions
    this.#retries = parts.retries
  }

  /** As {@link once}; what fails for the moment is tried again on each way. */
  patiently<T>(
    capability: Capability,
    signal: AbortSignal | undefined,
    work: (session: RegistrySession) => Promise<T>,
  ): Promise<T> {
    return this.once(capability, signal, (session) => withRetries(this.#retries, signal, () => work(session)))
  }

  /** Runs `work` over the ways until one succeeds. @throws the last failure that says something of the registry */
  async once<T>(
    capability: Capability,
    signal: AbortSignal | undefined,
    work: (session: RegistrySession) => Promise<T>,
  ): Promise<T> {
    const able = this.#sessions.filter((session) => session.endpoint.capabilities.has(capability))
    const first = able.find((session) => session === this.#working)
    const order = first ? [first, ...able.filter((session) => session !== first)] : able
    let failure: unknown
    for (const session of order) {
      try {
        const result = await work(session)
        this.#working = session
        return result
      } catch (error) {
        signal?.throwIfAborted()
        // Its answer stands when the registry itself has answered.
        if (!session.endpoint.mirror && !(error instanceof ConnectionFailure)) throw error
        failure = error
      }
    }
    throw failure ?? new Failure("unavailable", `no host is configured to ${capability} from for ${this.#domain}`)
  }
}
