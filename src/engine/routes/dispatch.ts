import type { Scope } from "../../core/scope.ts"
import { Failure, isKind, messageOf, toHttpStatus } from "../../errors/failure.ts"
import type { HttpHandler } from "../../std/http/connection.ts"
import { BadRequest } from "../../std/http/head.ts"
import type { HttpRequest } from "../../std/http/request.ts"
import type { HttpResponse, OutgoingHeaders } from "../../std/http/response.ts"
import type { RouteMatch, Router } from "../../std/http/router.ts"
import { noSink, Span, type SpanSink } from "../../trace/span.ts"
import { understoodVersion } from "../compat/clients.ts"
import { reshapeBody, reshapeQuery } from "../compat/requests.ts"
import { checkVersion, isBefore, newestVersion, oldestVersion } from "../compat/version.ts"
import { readJsonBody, readOptionalBody } from "./body.ts"
import { parseQuery, readQuery } from "./query.ts"
import type { Route } from "./route.ts"
import { writeFailure, writeReply } from "./write-reply.ts"

export interface DispatchOptions {
  readonly router: Router<Route>
  /** The daemon's own version, for the `Server` header. */
  readonly productVersion: string
  readonly experimental: boolean
  /** Makes the room available that is kept back for removals. @returns false when there is none */
  readonly releaseReserve?: () => boolean
  /** Where the spans of requests go. */
  readonly sink: SpanSink
  /** Told how long every request of a route took, failed ones included. */
  readonly onAnswer?: (key: string, seconds: number) => void
  /** Told of every request that failed by the daemon's fault (status 500 and above). */
  readonly onFailure: (request: string, error: unknown) => void
}

const notExperimental =
  "This experimental feature is disabled by default. Start the Docker daemon in experimental mode in order to enable it."

/** Turns HTTP requests into calls of routes: version, path, query, body, trace, answer, failure. */
export function dispatcher(options: DispatchOptions): HttpHandler {
  const headers: OutgoingHeaders = {
    "Api-Version": newestVersion,
    "Docker-Experimental": String(options.experimental),
    Ostype: "linux",
    Server: `Docker/${options.productVersion} (linux)`,
  }
  return async (request, response) => {
    let match: RouteMatch<Route> | undefined
    let form: "json" | "hijacked" | "text" = "json"
    const began = performance.now()
    try {
      const { path, version, query } = splitTarget(request.target)
      if (request.method === "OPTIONS") return response.send(200, headers)
      if (version !== undefined) {
        if (isBefore(version, oldestVersion)) form = "text"
        checkVersion(version)
      }
      match = options.router.find(request.method, path)
      const effective = understoodVersion(version ?? newestVersion, request.headers.get("user-agent"))
      if (!match || isBefore(effective, match.route.since ?? oldestVersion))
        throw new Failure("notFound", "page not found")
      if (match.route.experimental && !options.experimental) throw new Failure("notImplemented", notExperimental)
      form = match.route.failures ?? "json"
      await answer(options, headers, request, response, match, query, effective)
    } catch (error) {
      const failure = error instanceof BadRequest ? new Failure("invalidArgument", error.message, error) : error
      if (toHttpStatus(failure) >= 500 && toHttpStatus(failure) !== 503)
        options.onFailure(`${request.method} ${request.target.split("?")[0]}`, failure)
      writeFailure({ request, response, headers }, failure, form)
    } finally {
      if (match) options.onAnswer?.(match.key, (performance.now() - began) / 1000)
    }
  }
}

async function answer(
  options: DispatchOptions,
  headers: OutgoingHeaders,
  request: HttpRequest,
  response: HttpResponse,
  { key, route, params }: RouteMatch<Route>,
  queryText: string,
  version: string,
): Promise<void> {
  const sink = route.untraced ? noSink : options.sink
  const span = Span.root(sink, "api", key, request.headers.get("traceparent"))
  try {
    const cancellable = route.cancellable ?? request.method === "GET"
    const scope: Scope = { namespace: "moby", span, ...(cancellable ? { signal: request.signal } : {}) }
    const query = route.query && readQuery(route.query, parseQuery(queryText))
    const body = route.body
      ? await readJsonBody(request, route.body)
      : route.optionalBody && (await readOptionalBody(request, route.optionalBody))
    const call = {
      scope,
      params,
      query: reshapeQuery(key, query, version),
      body: reshapeBody(key, body, version),
      request,
    }
    const run = async () => await route.run(call)
    const reply = await (freesSpace(key) ? withReserve(run, options.releaseReserve) : run())
    await writeReply({ request, response, headers, key, version }, reply)
    span.set({ status: response.status }).end()
  } catch (error) {
    span.set({ status: response.started ? response.status : toHttpStatus(error) }).end(messageOf(error))
    throw error
  }
}

/** Routes whose work is to free space: on a full disk they are the way out. */
const freesSpace = (key: string): boolean => key.startsWith("DELETE ") || key.endsWith("/prune")

/** Runs a removal, and once more with the room that is kept back for it when it finds none. */
async function withReserve<T>(run: () => Promise<T>, release: DispatchOptions["releaseReserve"]): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!isKind(error, "noSpace") || !release?.()) throw error
    return await run()
  }
}

/** Takes the version off a path and decodes the rest. @throws invalidArgument for a bad escape */
function splitTarget(target: string): {
  readonly path: string
  readonly version: string | undefined
  readonly query: string
} {
  const cut = target.indexOf("?")
  const raw = cut < 0 ? target : target.slice(0, cut)
  const query = cut < 0 ? "" : target.slice(cut + 1)
  const versioned = /^\/v([0-9.]+)(\/.*)$/.exec(raw)
  const path = versioned ? versioned[2]! : raw
  const decoded = path.includes("%") ? decodePath(path) : path
  return { path: decoded, version: versioned?.[1], query }
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch (error) {
    throw new Failure("invalidArgument", `invalid URL escape in the path ${path}`, error)
  }
}
