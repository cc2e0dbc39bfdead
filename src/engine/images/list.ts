import { booleanFilter, type Filters, labelsMatch, untilOf } from "../../api/filters.ts"
import type { ImageSummary } from "../../api/image.ts"
import type { Scope } from "../../core/scope.ts"
import { Failure } from "../../errors/failure.ts"
import { type Descriptor, isIndex } from "../../oci/descriptor.ts"
import {
  familiar,
  familiarName,
  formatReference,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../../oci/reference.ts"
import { parseNanos } from "../../std/clock.ts"
import { sortedByName } from "../../std/sorted.ts"
import { Turns } from "../../std/turns.ts"
import type { CatalogImage } from "./catalog.ts"
import { type ImageContext, repoDigests, tagsOf } from "./context.ts"
import type { ImageListOptions } from "./contract.ts"
import { glob } from "./glob.ts"
import { manifestsOf } from "./manifests.ts"
import { chainOf, LayerSizes } from "./sizes.ts"

/** Nanoseconds since the epoch; 0 when the image does not say. */
export const createdOf = (image: CatalogImage): bigint => parseNanos(image.resolved?.config.created ?? "") ?? 0n

/** Images that others were committed from. */
export const parentsOf = (images: readonly CatalogImage[]): ReadonlySet<string> =>
  new Set(images.flatMap((image) => image.parent ?? []))

/** `docker images`, newest first. */
export async function listImages(
  context: ImageContext,
  scope: Scope,
  options: ImageListOptions,
): Promise<readonly ImageSummary[]> {
  if (options.identity && !options.manifests)
    throw new Failure("invalidArgument", "conflicting options: identity requires manifests=1")
  const images = (await context.catalog.all(scope)).toSorted(newestFirst)
  const parents = parentsOf(images)
  const matches = await matcher(context, scope, options.filters)
  const references = options.filters.get("reference") ?? []
  const dangling = booleanFilter(options.filters, "dangling")
  const sizes = new LayerSizes(context, scope)
  const uses = options.sharedSize ? layerUses(images) : undefined
  const summaries: ImageSummary[] = []
  const turns = new Turns()
  for (const image of images) {
    await turns.pass()
    const named = tagsOf(image).length > 0
    // A nameless image that others stand on is a step of their making.
    if (!options.all && !named && parents.has(image.id)) continue
    if (dangling !== undefined && dangling !== (!named && !parents.has(image.id))) continue
    if (!matches(image)) continue
    const tags = tagsOf(image)
      .filter((tag) => references.length === 0 || nameMatches(references, tag))
      .map(familiar)
      .sort()
    if (references.length > 0 && tags.length === 0) continue
    const layers = await sizes.of(image)
    const labels = image.resolved?.config.config?.Labels
    const manifests = options.manifests
      ? await manifestsOf(context, scope, image, shown(image), { identity: options.identity })
      : undefined
    summaries.push({
      Containers: context.usedBy(image.id).length,
      Created: Number(createdOf(image) / 1_000_000_000n),
      Id: image.id,
      Labels: labels ? sortedByName(labels) : null,
      ParentId: image.parent ?? "",
      ...(manifests ? { Descriptor: shown(image), Manifests: manifests } : {}),
      RepoDigests: (await repoDigests(context, scope, image.rows)).filter(
        (digest) => references.length === 0 || nameMatches(references, parseReference(digest)),
      ),
      RepoTags: tags,
      SharedSize: uses
        ? layers.filter((layer) => uses.get(layer.chainID)! > 1).reduce((sum, layer) => sum + layer.size, 0)
        : -1,
      // Beside manifests it is what all of them take, blobs too: clients show it above their sizes.
      Size: manifests
        ? manifests.reduce((sum, manifest) => sum + Number(manifest.Size.Total), 0)
        : layers.reduce((sum, layer) => sum + layer.size, 0),
    })
  }
  return summaries
}

function newestFirst(a: CatalogImage, b: CatalogImage): number {
  const [first, second] = [createdOf(a), createdOf(b)]
  return first === second ? (a.id < b.id ? -1 : 1) : first < second ? 1 : -1
}

/** Bytes of all layers of all images, each once. */
export async function layersSize(context: ImageContext, scope: Scope): Promise<number> {
  const sizes = new LayerSizes(context, scope)
  const turns = new Turns()
  for (const image of await context.catalog.all(scope)) {
    await sizes.of(image)
    await turns.pass()
  }
  return sizes.total
}

/** Filters label, label!, until, before, since. */
async function matcher(
  context: ImageContext,
  scope: Scope,
  filters: Filters,
): Promise<(image: CatalogImage) => boolean> {
  const instantOf = async (key: "before" | "since") => {
    const ref = filters.get(key)?.[0]
    return ref === undefined ? undefined : createdOf((await context.catalog.find(scope, ref)).image)
  }
  const [before, since, until] = [await instantOf("before"), await instantOf("since"), earliest(filters)]
  return (image) => {
    const created = createdOf(image)
    return (
      (before === undefined || created < before) &&
      (since === undefined || created > since) &&
      (until === undefined || created < until) &&
      labelsMatch(filters, image.resolved?.config.config?.Labels ?? null)
    )
  }
}

/** What of an image's names stands for it: an index, which tells of more platforms, before a manifest. */
const shown = (image: CatalogImage): Descriptor =>
  (image.rows.find((row) => isIndex(row.target.mediaType)) ?? image.rows[0]!).target

/** Several `until` mean the earliest of them. */
function earliest(filters: Filters): bigint | undefined {
  let found: bigint | undefined
  for (const text of filters.get("until") ?? []) {
    const instant = untilOf(new Map([["until", [text]]]))
    if (instant !== undefined && (found === undefined || instant < found)) found = instant
  }
  return found
}

function layerUses(images: readonly CatalogImage[]): ReadonlyMap<string, number> {
  const uses = new Map<string, number>()
  for (const image of images) for (const chainID of chainOf(image)) uses.set(chainID, (uses.get(chainID) ?? 0) + 1)
  return uses
}

/** Whether a name matches one of the patterns of filter `reference`: in its familiar form or in full, with or without its tag. */
function nameMatches(patterns: readonly string[], reference: Reference): boolean {
  const { domain, path } = reference
  const names = [
    familiar(reference),
    familiarName(reference),
    formatReference(withDefaultTag(reference)),
    `${domain}/${path}`,
  ]
  return patterns.some((pattern) => names.some((name) => glob(pattern, name)))
}
