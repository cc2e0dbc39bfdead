import type { Schema, StructSchema } from "../../api/schema.ts"
import type { Scope } from "../../core/scope.ts"
import type { HttpRequest } from "../../std/http/request.ts"
import type { ParamsOf } from "../../std/http/router.ts"
import type { QuerySchema } from "./query.ts"
import type { Reply } from "./reply.ts"

/** One call of a route, everything parsed and checked. */
export interface Call<Params, Query, Body> {
  readonly scope: Scope
  /** The variables of the path, decoded. */
  readonly params: Params
  readonly query: Query
  readonly body: Body
  /** For headers and raw bodies. */
  readonly request: HttpRequest
}

export interface Route<Params = Readonly<Record<string, string>>, Query = unknown, Body = unknown> {
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
  readonly run: (call: Call<Params, Query, Body>) => Promise<Reply> | Reply
}

/** Routes by method and path, as `std/http/router` takes them: the first that matches wins. */
export type RouteTable = readonly (readonly [key: string, route: Route])[]

/** An entry of a table. Binds the types of the path's variables, the query and the body to `run`. */
export const route = <Key extends string, Query = undefined, Body = undefined>(
  key: Key,
  definition: Route<ParamsOf<Key>, Query, Body>,
): RouteTable[number] => [key, definition as unknown as Route]
