import { setTimeout as pause } from "node:timers/promises"
import { ConnectionFailure, SilentHost } from "./connection-failure.ts"
import { RegistryError } from "./registry-error.ts"

export interface RetryPolicy {
  /** Attempts at the same thing, the first included. */
  readonly attempts: number
  /** Milliseconds before the second attempt; doubled for each further one. */
  readonly firstDelay: number
  /** The longest wait, also for a registry that asks for more. Milliseconds. */
  readonly longestDelay: number
}

export const defaultRetries: RetryPolicy = { attempts: 5, firstDelay: 500, longestDelay: 30_000 }

/**
 * Whether trying again can help: broken connections, and what a registry says of its own state. The resolver has tried several times
 * and for long before it says that no name server answers.
 */
export function isTemporary(error: unknown): boolean {
  if (error instanceof SilentHost) return false
  if (error instanceof ConnectionFailure) {
    return !error.insecure && !/no such host|failure in name resolution|refused/.test(error.message)
  }
  if (!(error instanceof RegistryError)) return false
  return [408, 429, 500, 502, 503, 504].includes(error.status)
}

/**
 * Milliseconds to wait before attempt `attempt` + 1, with some randomness so that many clients spread; undefined when
 * no further attempt makes sense.
 */
export function delayAfter(
  policy: RetryPolicy,
  attempt: number,
  error: unknown,
  temporary = isTemporary(error),
): number | undefined {
  if (attempt >= policy.attempts || !temporary) return undefined
  const asked = error instanceof RegistryError ? error.retryAfter : undefined
  // A registry that wants to be left alone for longer than anybody waits has refused.
  if (asked !== undefined) return asked <= policy.longestDelay ? asked : undefined
  const backOff = Math.min(policy.longestDelay, policy.firstDelay * 2 ** (attempt - 1))
  return backOff * (0.75 + Math.random() / 2)
}

/** Runs `work` until it succeeds or trying again makes no sense. @throws its last failure */
export async function withRetries<T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      const delay = signal?.aborted ? undefined : delayAfter(policy, attempt, error)
      if (delay === undefined) throw error
      await pause(delay, undefined, signal ? { signal } : {})
    }
  }
}
