import type { EventMessage } from "../../api/events.ts"
import type { Filters } from "../../api/filters.ts"
import type { Scope } from "../../core/scope.ts"

export interface EventsOptions {
  /** Nanoseconds since the epoch; absent: nothing of the past. */
  readonly since?: bigint
  /** Nanoseconds since the epoch; when it is past, the iteration ends after the history. */
  readonly until?: bigint
  /** config, container, daemon, event, image, label, network, node, plugin, scope, secret, service, type, volume */
  readonly filters: Filters
}

/** What happened, for clients, with a history of the last 256. */
export interface Events {
  /** Tells everyone who listens, at once and in order. Times are filled in. */
  publish(event: Pick<EventMessage, "Type" | "Action" | "Actor">): void
  /**
   * The subscription begins with the call, not with the first read: what is published in between is not lost. Ends at `until`
   * or when `scope.signal` aborts.
   */
  subscribe(scope: Scope, options: EventsOptions): AsyncIterable<EventMessage>
  /** How many listen. */
  readonly listeners: number
  /** How many were told since the daemon began. */
  readonly published: number
}
