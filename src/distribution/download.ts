import { Failure, isKind, type Kind, messageOf } from "../errors/failure.ts"
import { reasons } from "../std/http/status.ts"
import type { HttpClient } from "./http-client.ts"

const mostRedirects = 10

/** What a server's refusal is to whoever asked for the download. */
const refusals: Readonly<Record<number, Kind>> = {
  400: "invalidArgument",
  401: "unauthenticated",
  403: "permissionDenied",
  404: "notFound",
}

/**
 * The bytes at `url`, wherever that leads.
 * @throws notFound when there are none or no such host · invalidArgument, unauthenticated, permissionDenied as the server
 * says · unavailable for everything else
 */
export async function download(http: HttpClient, url: URL, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  let at = url
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const answer = await http.request({ method: "GET", url: at, ...(signal ? { signal } : {}) }).catch(unreached)
    if (answer.status === 200) return answer.body
    answer.discard()
    const location = answer.headers.get("location")
    if (![301, 302, 303, 307, 308].includes(answer.status) || !location) {
      const status = `${answer.status} ${reasons[answer.status] ?? ""}`.trim()
      throw new Failure(refusals[answer.status] ?? "unavailable", `failed to GET ${url.href} with status ${status}`)
    }
    at = target(location, at)
  }
  throw new Failure("unavailable", `Get "${url.href}": stopped after ${mostRedirects} redirects`)
}

function target(location: string, base: URL): URL {
  try {
    const url = new URL(location, base)
    if (url.protocol === "https:" || url.protocol === "http:") return url
    throw new Error(`unsupported protocol scheme "${url.protocol.slice(0, -1)}"`)
  } catch (error) {
    throw new Failure("unavailable", `Get "${base.href}": ${messageOf(error)}`, error)
  }
}

function unreached(error: unknown): never {
  if (!isKind(error, "unavailable") || !messageOf(error).endsWith("no such host")) throw error
  throw new Failure("notFound", messageOf(error), error)
}
