/**
 * Small documents of higher layers (volumes, daemon state), kept in the same database as everything else: synchronous,
 * one transaction each. A change survives kill -9 when the call returns, and a loss of power once `flushed` resolves.
 */
export interface Collection<T> {
  get(key: string): T | undefined
  put(key: string, value: T): void
  /** @returns whether there was one */
  delete(key: string): boolean
  /** Everything at once, in the order of the keys: for what cannot be many, and for starts. */
  all(): readonly (readonly [string, T])[]
  /** Everything in the order of the keys, letting others have their turn: what is changed meanwhile may come or not. */
  each(): AsyncIterable<readonly [string, T]>
  /** Resolves when every change made so far survives a loss of power. */
  flushed(): Promise<void>
}

export interface Metadata extends Disposable {
  /** Values must survive JSON; bigint is not allowed. */
  collection<T>(name: string): Collection<T>
  /** Runs `work` in one transaction; nested calls join it. All or nothing. */
  transaction<T>(work: () => T): T
}
