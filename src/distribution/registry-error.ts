import { Failure, type Kind } from "../errors/failure.ts"
import { reasons } from "../std/http/status.ts"

/** A registry's refusal (OCI distribution spec, "Error Codes"). */
export class RegistryError extends Failure {
  readonly status: number
  /** `MANIFEST_UNKNOWN`, …; empty when the registry gave none. */
  readonly code: string
  /** What was asked. */
  readonly address: string
  /** Milliseconds that the registry wants to be left alone. */
  readonly retryAfter: number | undefined

  constructor(kind: Kind, message: string, facts: RefusalFacts) {
    super(kind, message)
    this.status = facts.status
    this.code = facts.code
    this.address = facts.address
    this.retryAfter = facts.retryAfter
  }
}

export const isRegistryCode = (error: unknown, ...codes: readonly string[]): error is RegistryError =>
  error instanceof RegistryError && codes.includes(error.code)

interface RefusalFacts {
  readonly status: number
  readonly code: string
  readonly address: string
  readonly retryAfter?: number
}

interface Described {
  readonly code: string
  readonly message: string
}

/** An answer that is not what was asked for, as a failure in Docker's words. */
export function registryError(
  answer: { readonly status: number; readonly headers: ReadonlyMap<string, string>; readonly url: URL },
  body: string,
): RegistryError {
  const { status, headers } = answer
  const retryAfter = parseRetryAfter(headers.get("retry-after"), Date.now())
  const facts = (code: string) => ({
    status,
    code,
    address: answer.url.href,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  })
  const given = describedErrors(body)
  // The token lacks a right: the registry knows the user and says no.
  const insufficient = /error="?insufficient_scope/.test(headers.get("www-authenticate") ?? "")
  if (status === 401 && insufficient) {
    return new RegistryError("permissionDenied", "denied: requested access to the resource is denied", facts("DENIED"))
  }
  if (status === 429) return rateLimited(answer, given[0], facts("TOOMANYREQUESTS"))
  const first = given[0]
  if (first) {
    const texts = given.map(({ code, message }) => `${code.toLowerCase().replaceAll("_", " ")}: ${message}`)
    const text = texts.length === 1 ? texts[0]! : `errors:\n${texts.join("\n")}\n`
    return new RegistryError(kindOfAnswer(status, first.code), text, facts(first.code))
  }
  if (status >= 400 && status < 500 && status !== 401 && body.trim() !== "") {
    const text = `error parsing HTTP ${status} response body: ${isJson(body) ? "no error details found" : "not JSON"}: ${JSON.stringify(body.slice(0, 200))}`
    return new RegistryError(kindOfAnswer(status, ""), text, facts(status === 404 ? "NOT_FOUND" : ""))
  }
  if (status === 401) {
    return new RegistryError("unauthenticated", "unauthorized: authentication required", facts("UNAUTHORIZED"))
  }
  if (status === 403) {
    return new RegistryError("permissionDenied", "denied: requested access to the resource is denied", facts("DENIED"))
  }
  const line = `${status} ${reasons[status] ?? ""}`.trim()
  const text = status === 404 ? `unexpected status from ${answer.url.href}: ${line}` : undefined
  return new RegistryError(
    kindOfAnswer(status, ""),
    text ?? `received unexpected HTTP status: ${line}`,
    facts(status === 404 ? "NOT_FOUND" : ""),
  )
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** The registry's own words when it has some (they say what to do), else ours. */
function rateLimited(answer: { readonly url: URL }, given: Described | undefined, facts: RefusalFacts): RegistryError {
  const wait = facts.retryAfter ? ` in ${Math.ceil(facts.retryAfter / 1000)} seconds` : " later"
  const said =
    given && given.message.toLowerCase() !== "too many requests" && given.message !== "toomanyrequests"
      ? given.message
      : `${answer.url.host} limits how often it is asked; log in for a higher limit, use a mirror, or try again${wait}`
  return new RegistryError("exhausted", `toomanyrequests: ${said}`, facts)
}

function describedErrors(body: string): readonly Described[] {
  let document: unknown
  try {
    document = JSON.parse(body)
  } catch {
    return []
  }
  const fields = document as { errors?: unknown; details?: unknown; code?: unknown; message?: unknown } | null
  if (Array.isArray(fields?.errors)) {
    return fields.errors.flatMap((each: Readonly<Record<string, unknown>> | null) => {
      // Go's registries do not care how the names are written.
      const code = each?.["code"] ?? each?.["Code"]
      const message = each?.["message"] ?? each?.["Message"]
      if (typeof code !== "string") return []
      return [{ code, message: typeof message === "string" ? message : code.toLowerCase() }]
    })
  }
  // Token services say it this way.
  if (typeof fields?.details === "string") return [{ code: "UNAUTHORIZED", message: fields.details }]
  return []
}

function kindOfAnswer(status: number, code: string): Kind {
  if (code === "DENIED" || status === 403) return "permissionDenied"
  if (code === "UNAUTHORIZED" || status === 401) return "unauthenticated"
  if (code === "TOOMANYREQUESTS") return "exhausted"
  if (/_UNKNOWN$/.test(code) || status === 404) return "notFound"
  if (status === 413) return "tooLarge"
  if (status === 501 || code === "UNSUPPORTED") return "notImplemented"
  if (status >= 500) return "internal"
  return "invalidArgument"
}

/** `Retry-After` (RFC 9110, section 10.2.3) in milliseconds from `now`. */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
