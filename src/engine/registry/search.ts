import { booleanFilter } from "../../api/filters.ts"
import type { SearchResult } from "../../api/image.ts"
import type { Scope } from "../../core/scope.ts"
import { readText } from "../../distribution/read-bytes.ts"
import type { Registries } from "../../distribution/registries.ts"
import { Failure } from "../../errors/failure.ts"
import { credentialsOf } from "../images/credentials.ts"
import type { SearchOptions } from "./contract.ts"

const largestAnswer = 8 << 20

/** `docker search`: the search of Docker Hub's first API, which few other registries have. */
export async function searchRegistry(
  registries: Registries,
  scope: Scope,
  options: SearchOptions,
): Promise<readonly SearchResult[]> {
  const limit = options.limit || 25
  if (limit < 1 || limit > 100) {
    throw new Failure("invalidArgument", `limit ${limit} is outside the range of [1, 100]`)
  }
  const keep = matcher(options)
  // Nothing is marked as automated any more.
  if (booleanFilter(options.filters, "is-automated")) return []
  const { domain, term } = splitTerm(options.term)
  const query = new URLSearchParams({ q: term, n: String(limit) })
  const credentials = credentialsOf(options.auth)
  const basic = credentials?.username && `${credentials.username}:${credentials.password ?? ""}`
  let failure: unknown
  for (const { endpoint } of await registries.sessions(domain)) {
    const origin = domain === "docker.io" ? "https://index.docker.io" : endpoint.url.origin
    try {
      const answer = await registries.http.request({
        method: "GET",
        url: new URL(`${origin}/v1/search?${query}`),
        headers: {
          Accept: "application/json",
          ...(basic ? { Authorization: `Basic ${Buffer.from(basic).toString("base64")}` } : {}),
        },
        ...(endpoint.tls ? { tls: endpoint.tls } : {}),
        ...(scope.signal ? { signal: scope.signal } : {}),
      })
      const text = await readText(answer.body, largestAnswer)
      if (answer.status === 404) {
        throw new Failure("notImplemented", `${domain} has no search: only Docker Hub and registries like it do`)
      }
      if (answer.status !== 200) throw new Failure("internal", `Unexpected status code ${answer.status}`)
      return resultsIn(text).filter(keep)
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

function splitTerm(text: string): { readonly domain: string; readonly term: string } {
  if (/^\w+:\/\//.test(text)) {
    throw new Failure("invalidArgument", `invalid repository name: repository name (${text}) should not have a scheme`)
  }
  const slash = text.indexOf("/")
  const first = slash < 0 ? "" : text.slice(0, slash)
  if (!/[.:]/.test(first) && first !== "localhost") return { domain: "docker.io", term: text.replace(/^library\//, "") }
  if (first === "index.docker.io" || first === "docker.io") {
    return { domain: "docker.io", term: text.slice(slash + 1).replace(/^library\//, "") }
  }
  return { domain: first, term: text.slice(slash + 1) }
}

function matcher({ filters }: SearchOptions): (result: SearchResult) => boolean {
  const official = booleanFilter(filters, "is-official")
  let stars = 0
  for (const value of filters.get("stars") ?? []) {
    if (!/^-?\d+$/.test(value)) {
      throw new Failure(
        "invalidArgument",
        `invalid filter 'stars=${value}': strconv.Atoi: parsing "${value}": invalid syntax`,
      )
    }
    stars = Math.max(stars, Number(value))
  }
  return (result) => (official === undefined || result.is_official === official) && result.star_count >= stars
}

function resultsIn(text: string): readonly SearchResult[] {
  let document: { readonly results?: unknown }
  try {
    document = JSON.parse(text) as typeof document
  } catch (error) {
    throw new Failure("internal", "error decoding registry search results: not JSON", error)
  }
  const results = Array.isArray(document?.results) ? (document.results as Partial<SearchResult>[]) : []
  return results.map((result) => ({
    star_count: result.star_count ?? 0,
    is_official: result.is_official ?? false,
    name: result.name ?? "",
    is_automated: false,
    description: result.description ?? "",
  }))
}
