import { mediaTypes } from "../../oci/descriptor.ts"
import type { Digest } from "../../oci/digest.ts"
import { humanSize } from "../../std/byte-size.ts"
import type { Access, Authenticator } from "../auth/contract.ts"
import { isRepositoryName, page } from "../names.ts"
import { Refusal } from "../refusal.ts"
import type { Repositories, TagRecord } from "../repositories/repositories.ts"
import type { Call } from "../routes/call.ts"
import type { Pages } from "../routes/dispatch.ts"
import { escaped, pageOf, tableOf } from "./html.ts"

const perPage = 200
const folder = "/repositories/"

/** A page that lists the repositories, and one for each with its tags. They only show. */
export function webPages(repositories: Repositories, authenticator: () => Authenticator | undefined): Pages {
  return async (call) => {
    const listing = call.path === "/"
    if (!listing && !call.path.startsWith(folder)) return false
    const asked = authenticator()
    if (!asked) return false
    call.operation = "web"
    if (call.request.method !== "GET" && call.request.method !== "HEAD") {
      throw new Refusal("UNSUPPORTED", "the page is only read", { headers: { Allow: "GET, HEAD" } })
    }
    const access = await asked.access(call.request)
    const name = listing ? "*" : decodeURI(call.path.slice(folder.length))
    const allowed = listing ? access.may("catalog", name) : access.sees(name)
    const challenge = asked.challenge(call.request)
    if (!allowed && access.user === undefined && challenge !== undefined) {
      throw new Refusal("UNAUTHORIZED", "authentication required", { headers: { "WWW-Authenticate": challenge } })
    }
    if (!allowed && listing) {
      throw new Refusal("DENIED", `the list needs the right catalog; the page of one repository is ${folder}NAME`)
    }
    const body = listing
      ? await overview(call, repositories, access)
      : await repository(call, repositories, access, name)
    call.send(
      200,
      {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy":
          "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
      },
      body,
    )
    return true
  }
}

async function overview(call: Call, repositories: Repositories, access: Access): Promise<string> {
  const visible = (await repositories.catalog.list()).filter((name) => access.sees(name))
  const last = call.query.get("last")
  const { items, next } = page(visible, { n: perPage, ...(last === null ? {} : { last }) })
  const rows: string[][] = []
  for (const name of items) {
    const tags = await repositories.tags(name)
    const link = `<a href="${folder}${escaped(encodeURI(name))}">${escaped(name)}</a>`
    rows.push([link, String(tags.length), humanSize(await repositories.usage.of(name), 3)])
  }
  const table =
    rows.length === 0
      ? `<p>Nothing has been pushed yet. Try <code>docker push ${escaped(host(call))}/NAME</code>.</p>`
      : tableOf(["Repository", "Tags", "Size"], rows, new Set([1, 2]))
  const count = `${visible.length} ${visible.length === 1 ? "repository" : "repositories"} at ${host(call)}`
  return pageOf("Registry", `<h1>Registry</h1><p>${escaped(count)}</p>${table}${more(call, next)}`)
}

async function repository(call: Call, repositories: Repositories, access: Access, name: string): Promise<string> {
  if (!isRepositoryName(name) || !access.sees(name) || !(await repositories.catalog.has(name))) {
    throw new Refusal("NAME_UNKNOWN", `there is no repository ${name}`)
  }
  const last = call.query.get("last")
  const { items, next } = page(await repositories.tags(name), { n: perPage, ...(last === null ? {} : { last }) })
  const rows: string[][] = []
  for (const tag of items) {
    const record = await repositories.tag(name, tag)
    if (record) rows.push(await tagRow(repositories, name, record))
  }
  const table =
    rows.length === 0 ? "<p>No tags.</p>" : tableOf(["Tag", "Kind", "Digest", "Size", "Pushed"], rows, new Set([3]))
  const pull = `<p>Pull with <code>docker pull ${escaped(host(call))}/${escaped(name)}:TAG</code></p>`
  return pageOf(
    name,
    `<p><a href="/">All repositories</a></p><h1>${escaped(name)}</h1>${pull}${table}${more(call, next)}`,
  )
}

async function tagRow(repositories: Repositories, name: string, record: TagRecord): Promise<string[]> {
  const parts = await partsOf(repositories, name, record.digest)
  return [
    escaped(record.tag),
    escaped(parts.kind),
    `<code title="${escaped(record.digest)}">${escaped(record.digest.slice(0, record.digest.indexOf(":") + 13))}</code>`,
    parts.bytes === undefined ? "–" : humanSize(parts.bytes, 3),
    `<time>${new Date(record.pushedAt).toISOString().slice(0, 16).replace("T", " ")}</time>`,
  ]
}

interface Part {
  readonly size?: number
  readonly platform?: { readonly os?: string; readonly architecture?: string; readonly variant?: string }
}

/** What a tag is, in words, and how much there is to pull. */
async function partsOf(
  repositories: Repositories,
  name: string,
  digest: Digest,
): Promise<{ readonly kind: string; readonly bytes?: number }> {
  const bytes = await repositories.bytes(name, digest)
  let document: Record<string, unknown>
  try {
    document = JSON.parse(Buffer.from(bytes ?? []).toString("utf8")) as Record<string, unknown>
  } catch {
    return { kind: "manifest" }
  }
  if (Array.isArray(document["manifests"])) {
    const platforms = (document["manifests"] as Part[])
      .map(({ platform }) => [platform?.os, platform?.architecture, platform?.variant].filter(Boolean).join("/"))
      .filter((platform) => platform !== "" && !platform.startsWith("unknown"))
    return { kind: platforms.length > 0 ? platforms.join(", ") : "index" }
  }
  const config = document["config"] as (Part & { readonly mediaType?: string }) | undefined
  const layers = Array.isArray(document["layers"]) ? (document["layers"] as Part[]) : []
  const type = typeof document["artifactType"] === "string" ? document["artifactType"] : config?.mediaType
  const image = type === undefined || type === mediaTypes.ociConfig || type === mediaTypes.dockerConfig
  return {
    kind: image ? "image" : type,
    bytes: [config, ...layers].reduce((sum, part) => sum + Number(part?.size ?? 0), 0),
  }
}

const host = (call: Call): string => call.header("host") ?? "localhost"

const more = (call: Call, next: string | undefined): string =>
  next === undefined ? "" : `<footer><a href="${call.path}?last=${encodeURIComponent(next)}">More</a></footer>`
