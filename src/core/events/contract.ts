import type { Scope } from "../scope.ts"
import type { EventPayloads, Topic } from "./topics.ts"

/** An event of a topic; of any topic when none is named. */
export type CoreEvent<T extends Topic = Topic> = {
  readonly [Each in T]: {
    /** Increases by one with each event of this daemon. */
    readonly sequence: number
    /** Nanoseconds since the epoch. */
    readonly timestamp: bigint
    readonly namespace: string
    readonly topic: Each
    readonly payload: EventPayloads[Each]
  }
}[T]

/** Publishes to everyone who listens, with a bounded history for those who come late. */
export interface EventBus {
  /** Publishes a fact; one that a transaction makes, after its commit. */
  publish<T extends Topic>(scope: Pick<Scope, "namespace">, topic: T, payload: EventPayloads[T]): void
  /**
   * Events from now on (after those of the history newer than `since`). Ends when `signal` aborts. A slow listener loses oldest first, and
   * is told by a gap in `sequence`.
   * @param options.filters containerd's filters over `namespace`, `topic` and `event.FIELD`: events that match one of them. All when there are none
   * @throws invalidArgument for a filter that cannot be read
   */
  subscribe(options?: {
    readonly filters?: readonly string[]
    readonly since?: bigint
    readonly signal?: AbortSignal
  }): AsyncIterable<CoreEvent>
}
