/**
 * Small documents of higher layers (volumes, daemon state), kept in the same database as everything else: synchronous,
 * one transaction each, durable against kill -9.
 */
export interface Collection<T> {
  get(key: string): T | undefined
  put(key: string, value: T): void
  /** @returns whether there was one */
  delete(key: string): boolean
  all(): readonly (readonly [string, T])[]
}

export interface Metadata extends Disposable {
  /** Values must survive JSON; bigint is not allowed. */
  collection<T>(name: string): Collection<T>
  /** Runs `work` in one transaction; nested calls join it. All or nothing. */
  transaction<T>(work: () => T): T
}
