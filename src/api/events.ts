import type { Int64 } from "../std/json.ts"

export type EventType =
  | "container"
  | "image"
  | "volume"
  | "network"
  | "daemon"
  | "plugin"
  | "node"
  | "service"
  | "secret"
  | "config"
  | "builder"

/** One event of `GET /events`. `status`, `id` and `from` are added for API versions before 1.52 by the compat layer. */
export interface EventMessage {
  readonly Type: EventType
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }
  readonly scope: "local" | "swarm"
  /** Seconds since the epoch. */
  readonly time: number
  /** Nanoseconds since the epoch, exact. */
  readonly timeNano: Int64
}
