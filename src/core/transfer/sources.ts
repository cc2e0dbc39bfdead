import type { Repository } from "../../distribution/repository.ts"
import type { Digest } from "../../oci/digest.ts"
import { parseReference, type Reference } from "../../oci/reference.ts"
import type { ContentInfo, ContentStore } from "../content/contract.ts"
import type { Scope } from "../scope.ts"

const prefix = "containerd.io/distribution.source."
/** On a manifest made here: where layers come from that it took over from others. `domain/path`, separated by commas. */
const layersLabel = "barge.layers.from"

/** containerd's label for the repositories of a registry that are known to have a blob, separated by commas. */
const label = (domain: string): string => `${prefix}${domain}`

/** Beyond so many, the ones that were seen longest ago are forgotten. */
const mostSources = 16

/** The repositories of `domain` that a blob came from or was brought to, the latest at the end. */
export const sourcesOf = (info: Pick<ContentInfo, "labels">, domain: string): readonly string[] =>
  info.labels[label(domain)]?.split(",").filter(Boolean) ?? []

/** Notes that `repository` has the blob: a later push takes it over from there, and its digest is known there. */
export async function addSource(
  scope: Scope,
  content: ContentStore,
  digest: Digest,
  repository: Pick<Repository, "domain" | "name">,
): Promise<void> {
  const known = sourcesOf(await content.info(scope, digest), repository.domain)
  if (known.at(-1) === repository.name) return
  const others = known.filter((name) => name !== repository.name).slice(1 - mostSources)
  await content.label(scope, digest, { [label(repository.domain)]: [...others, repository.name].join(",") })
}

/** Every repository that a blob came from or was brought to, by registry. */
export const placesOf = (info: Pick<ContentInfo, "labels">): readonly Pick<Reference, "domain" | "path">[] =>
  Object.keys(info.labels)
    .filter((name) => name.startsWith(prefix))
    .flatMap((name) => {
      const domain = name.slice(prefix.length)
      return sourcesOf(info, domain).map((path) => ({ domain, path }))
    })

/** The repositories that layers of a manifest can be fetched from, the latest first. */
export function layerSources(info: Pick<ContentInfo, "labels">): readonly Pick<Reference, "domain" | "path">[] {
  const own = placesOf(info)
  const others = (info.labels[layersLabel] ?? "")
    .split(",")
    .filter(Boolean)
    .map((name) => parseReference(name))
  return [...others, ...own].reverse()
}

/** The label that has a manifest made of another's layers remember where these come from. */
export function inheritedSources(info: Pick<ContentInfo, "labels">): Readonly<Record<string, string>> {
  const sources = layerSources(info).toReversed()
  if (sources.length === 0) return {}
  return {
    [layersLabel]: sources
      .slice(-mostSources)
      .map(({ domain, path }) => `${domain}/${path}`)
      .join(","),
  }
}
