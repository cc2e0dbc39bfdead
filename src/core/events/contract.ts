import type { Scope } from "../scope.ts"

export interface CoreEvent {
  /** Increases by one with each event of this daemon. */
  readonly sequence: number
  readonly timestamp: bigint
  readonly namespace: string
  /** containerd's topics: `/tasks/exit`, `/images/create`, … */
  readonly topic: string
  readonly payload: Readonly<Record<string, unknown>>
}

/** Publishes to everyone who listens, with a bounded history for those who come late. */
export interface EventBus {
  publish(scope: Scope, topic: string, payload: Readonly<Record<string, unknown>>): void
  /** Events from now on (after those of the history newer than `since`). Ends when `signal` aborts. A slow listener loses oldest first, and is told by a gap in `sequence`. */
  subscribe(options?: {
    readonly namespace?: string
    readonly topic?: string
    readonly since?: bigint
    readonly signal?: AbortSignal
  }): AsyncIterable<CoreEvent>
  /** Calls `listener` for each event at once, in order. @returns a function that ends it */
  on(topic: string, listener: (event: CoreEvent) => void): () => void
}
