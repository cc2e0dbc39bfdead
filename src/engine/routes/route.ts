import type { Schema, StructSchema } from "../../api/schema.ts"
import type { Scope } from "../../core/scope.ts"
import type { HttpRequest } from "../../std/http/request.ts"
import type { QuerySchema } from "./query.ts"
import type { Reply } from "./reply.ts"

/** One call of a route, everything parsed and checked. */
export interface Call<Query, Body> {
  readonly scope: Scope
  /** The variables of the path, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Query
  readonly body: Body
  /** For headers and raw bodies. */
  readonly request: HttpRequest
}

export interface Route<Query = unknown, Body = unknown> {
  /** The first API version that has it. */
  readonly since?: string
  /** Only an experimental daemon has it. */
  readonly experimental?: boolean
  readonly query?: QuerySchema<Query>
  /** A JSON body; its zero value when the client sends none. */
  readonly body?: Schema<Body>
  /** A JSON body that is `undefined` when none of its fields is given. */
  readonly optionalBody?: StructSchema<Exclude<Body, undefined>>
  /** Whether the work is given up when the client goes away. Default: for GET only; a change is carried through. */
  readonly cancellable?: boolean
  /** How failures are told: JSON, or the hand-written text that attach has always used. Default JSON. */
  readonly failures?: "json" | "hijacked"
  /** Not worth a trace. */
  readonly untraced?: boolean
  readonly run: (call: Call<Query, Body>) => Promise<Reply> | Reply
}

/** `METHOD /path/:variable` → route. A variable takes slashes too; the first pattern that matches wins. */
export type RouteTable = Readonly<Record<string, Route>>

/** Binds the types of a route's query and body to its `run`. */
export const route = <Query = undefined, Body = undefined>(definition: Route<Query, Body>): Route =>
  definition as unknown as Route
