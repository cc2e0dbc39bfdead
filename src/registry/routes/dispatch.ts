import { Failure, kindOf, messageOf } from "../../errors/failure.ts"
import { BadRequest } from "../../std/http/head.ts"
import type { HttpRequest } from "../../std/http/request.ts"
import type { HttpResponse } from "../../std/http/response.ts"
import { Router } from "../../std/http/router.ts"
import type { Authenticator, Wanted } from "../auth/contract.ts"
import { checkedName, isRepositoryName } from "../names.ts"
import { Refusal } from "../refusal.ts"
import { Call } from "./call.ts"
import type { RegistryServices } from "./services.ts"
import { registryRoutes } from "./table.ts"

/** Pages beside the API. @returns whether the path was theirs */
export type Pages = (call: Call) => Promise<boolean>

export interface DispatchOptions {
  readonly services: RegistryServices
  /** Asked with each request: it may be exchanged while serving. */
  readonly authenticator: () => Authenticator
  readonly pages: readonly Pages[]
  /** Told of every request once it is over, with the error when one broke it off. */
  readonly over: (call: Call, millis: number, error?: unknown) => void
}

const router = new Router(registryRoutes)

/** Answers requests: authentication, route, errors in the specification's form. */
export function dispatcher(options: DispatchOptions) {
  return async (request: HttpRequest, response: HttpResponse): Promise<void> => {
    const began = performance.now()
    const call = new Call(request, response)
    let failure: unknown
    try {
      await answer(call, options)
    } catch (error) {
      const refusal = asRefusal(error)
      if (refusal.status >= 500 || response.started) failure = error
      refuse(call, refusal)
    }
    options.over(call, performance.now() - began, failure)
  }
}

async function answer(call: Call, options: DispatchOptions): Promise<void> {
  for (const page of options.pages) if (await page(call)) return
  const authenticator = options.authenticator()
  if (!call.path.startsWith("/v2"))
    throw new Refusal("NAME_UNKNOWN", `there is nothing at ${call.path}: the API is at /v2/`)
  call.access = await authenticator.access(call.request)
  if (call.path === "/v2" || call.path === "/v2/") return base(call, authenticator)
  const routes = router.at(call.path)
  if (!routes) throw new Refusal("NAME_UNKNOWN", `there is nothing at ${call.path}`)
  // HEAD is what GET is, without the body (RFC 9110, section 9.3.2).
  const found = routes.get(call.request.method === "HEAD" ? "GET" : call.request.method)
  if (!found) {
    const allowed = [...routes.keys()].flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]))
    throw new Refusal("UNSUPPORTED", `${call.request.method} is not for ${call.path}`, {
      headers: { Allow: allowed.join(", ") },
    })
  }
  const { route: operation, params } = found
  call.operation = operation.name
  const registry = call.query.get("ns")
  const { repository = "", reference = "" } = params
  if (repository !== "") {
    // How containerd names the registry that it asks a mirror of several for.
    const { upstream } = options.services
    call.repository = checkedName(registry ? upstream.mirrored(registry, repository) : repository)
  }
  const { needs } = operation
  const wanted = { action: needs, repository: call.repository === "" ? "*" : call.repository }
  const source = operation.name === "upload-start" ? call.query.get("from") : null
  demand(call, authenticator, source !== null && isRepositoryName(source) ? { ...wanted, source } : wanted)
  if (needs === "push" && options.services.upstream.covers(call.repository)) {
    throw new Refusal("UNSUPPORTED", `${call.repository} is a cache of another registry: push there`)
  }
  if (needs === "delete" && !options.services.repositories.policy.deletes) {
    throw new Refusal("UNSUPPORTED", "deleting is switched off on this registry")
  }
  await operation.run(call, options.services, decoded(reference))
}

/** A reference without its escapes; one that is escaped badly stays as it is, and names nothing. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** GET /v2/ (end-1): clients log in against it. */
function base(call: Call, authenticator: Authenticator): void {
  call.operation = "base"
  if (call.request.method !== "GET" && call.request.method !== "HEAD") {
    throw new Refusal("UNSUPPORTED", "the API's root is only read", { headers: { Allow: "GET, HEAD" } })
  }
  if (call.access.user === undefined) {
    const challenge = authenticator.challenge(call.request)
    if (challenge !== undefined) throw unauthorized(challenge)
  }
  call.json(200, {})
}

function demand(call: Call, authenticator: Authenticator, wanted: Wanted): void {
  if (call.access.may(wanted.action, wanted.repository)) return
  const challenge = authenticator.challenge(call.request, wanted)
  if (challenge !== undefined && (call.access.user === undefined || challenge.startsWith("Bearer"))) {
    throw unauthorized(challenge)
  }
  throw new Refusal(
    "DENIED",
    `${call.access.user ?? "anonymous"} has no right to ${wanted.action} ${wanted.repository === "*" ? "the catalog" : wanted.repository}`,
    { detail: { action: wanted.action, repository: wanted.repository } },
  )
}

const unauthorized = (challenge: string): Refusal =>
  new Refusal("UNAUTHORIZED", "authentication required", { headers: { "WWW-Authenticate": challenge } })

/** Every error as one that can be sent. */
function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof BadRequest) return new Refusal("BLOB_UPLOAD_INVALID", error.message)
  if (kindOf(error) === "noSpace") {
    return new Refusal("UNKNOWN", "the registry's disk is full: delete tags, collect garbage or enlarge it", {
      status: 507,
    })
  }
  if (error instanceof Failure && kindOf(error) === "unavailable") return new Refusal("UNAVAILABLE", error.message)
  return new Refusal("UNKNOWN", `the registry failed: ${messageOf(error)}`)
}

function refuse(call: Call, refusal: Refusal): void {
  if (call.response.started) {
    call.response.abort()
    return
  }
  const errors = [
    {
      code: refusal.code,
      message: refusal.message,
      ...(refusal.detail === undefined ? {} : { detail: refusal.detail }),
    },
  ]
  call.json(refusal.status, { errors }, refusal.headers)
}
