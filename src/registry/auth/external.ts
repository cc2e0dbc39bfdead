import type { HttpRequest } from "../../std/http/request.ts"

/**
 * The address under which a client sees this server, without a slash at its end: the configured one, or what the request tells. Behind
 * a proxy that is the first entry of `X-Forwarded-Proto` and `X-Forwarded-Host`, which each proxy on the way may add to.
 */
export function externalAddress(request: HttpRequest, configured: string | undefined): string {
  if (configured !== undefined) return configured
  const { headers, peer } = request
  const scheme = forwarded(headers.get("x-forwarded-proto"), /^https?$/i)?.toLowerCase()
  const host = forwarded(headers.get("x-forwarded-host"), /^[\w.-]+(?::\d{1,5})?$|^\[[0-9a-f:.]+\](?::\d{1,5})?$/i)
  return `${scheme ?? (peer.transport === "tls" ? "https" : "http")}://${host ?? headers.get("host") ?? "localhost"}`
}

/** The entry of the proxy that is the nearest to the client. */
function forwarded(field: string | undefined, form: RegExp): string | undefined {
  const first = field?.split(",")[0]?.trim()
  return first !== undefined && form.test(first) ? first : undefined
}
