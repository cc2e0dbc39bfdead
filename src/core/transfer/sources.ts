import type { Repository } from "../../distribution/repository.ts"
import type { Digest } from "../../oci/digest.ts"
import type { ContentInfo, ContentStore } from "../content/contract.ts"
import type { Scope } from "../scope.ts"

/** containerd's label for the repositories of a registry that are known to have a blob, separated by commas. */
const label = (domain: string): string => `containerd.io/distribution.source.${domain}`

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
