import { type Descriptor, mediaTypes } from "../../oci/descriptor.ts"
import { checkedDigest, lexically, page } from "../names.ts"
import { Refusal } from "../refusal.ts"
import type { Call } from "./call.ts"
import type { RegistryServices } from "./services.ts"

/** Repositories on a page of the catalog when the client names no number. */
const catalogPage = 100
/** Referrers fit one answer as long as they are fewer than the largest manifest a client must read (4 MB). */
const referrersBytes = 4_000_000

function count(call: Call): number | undefined {
  const text = call.query.get("n")
  if (text === null) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new Refusal("UNSUPPORTED", `n="${text}" is not a number of entries`, { status: 400, detail: { n: text } })
}

/** The `Link` to the following page (RFC 8288). */
function link(call: Call, n: number | undefined, next: string | undefined): Record<string, string> {
  if (next === undefined) return {}
  const query = new URLSearchParams({ last: next, ...(n === undefined ? {} : { n: String(n) }) })
  return { Link: `<${call.path}?${query}>; rel="next"` }
}

/** The tags of a repository (end-8). */
export async function listTags(call: Call, services: RegistryServices): Promise<void> {
  const { repository } = call
  const n = count(call)
  const cached = services.upstream.covers(repository)
  if (!cached && !(await services.repositories.catalog.has(repository))) {
    throw new Refusal("NAME_UNKNOWN", `there is no repository ${repository}`, { detail: { name: repository } })
  }
  const last = call.query.get("last") ?? undefined
  const all = cached
    ? [...(await services.upstream.tags(repository))].sort(lexically)
    : await services.repositories.tags(repository)
  const { items, next } = page(all, {
    ...(last === undefined ? {} : { last }),
    ...(n === undefined ? {} : { n }),
  })
  call.json(200, { name: repository, tags: items }, link(call, n, next))
}

/** The repositories that the client may pull from (Docker Registry HTTP API V2, "Catalog"). */
export async function listRepositories(call: Call, services: RegistryServices): Promise<void> {
  const n = count(call) ?? catalogPage
  const last = call.query.get("last") ?? undefined
  const visible = (await services.repositories.catalog.list()).filter((name) => call.access.sees(name))
  const { items, next } = page(visible, { n, ...(last === undefined ? {} : { last }) })
  call.json(200, { repositories: items }, link(call, n, next))
}

/** What is about a manifest (end-12). */
export async function listReferrers(call: Call, services: RegistryServices, text: string): Promise<void> {
  const digest = checkedDigest(text)
  const type = call.query.get("artifactType")
  const last = call.query.get("last")
  const { upstream, repositories } = services
  const source = upstream.covers(call.repository) ? upstream : repositories
  const all = (await source.referrers(call.repository, digest)).filter(
    (each) => type === null || type === "" || each.artifactType === type,
  )
  const rest = last === null ? all : all.slice(all.findIndex((each) => each.digest === last) + 1)
  const manifests: Descriptor[] = []
  let bytes = 0
  for (const each of rest) {
    bytes += JSON.stringify(each).length
    if (bytes > referrersBytes && manifests.length > 0) break
    manifests.push(each)
  }
  const next = manifests.length < rest.length ? manifests.at(-1)?.digest : undefined
  const query = new URLSearchParams({ ...(type ? { artifactType: type } : {}), last: next ?? "" })
  call.send(
    200,
    {
      "Content-Type": mediaTypes.ociIndex,
      ...(type ? { "OCI-Filters-Applied": "artifactType" } : {}),
      ...(next === undefined ? {} : { Link: `<${call.path}?${query}>; rel="next"` }),
    },
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }),
  )
}
