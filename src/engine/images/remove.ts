import { booleanFilter, type Filters, labelsMatch, untilOf } from "../../api/filters.ts"
import type { ImageDeleteItem, ImagesPruneResponse } from "../../api/image.ts"
import type { Image } from "../../core/images/contract.ts"
import type { Scope } from "../../core/scope.ts"
import { Failure } from "../../errors/failure.ts"
import { parsePlatform } from "../../oci/platform.ts"
import { familiar, familiarName } from "../../oci/reference.ts"
import { shortId } from "../../std/id.ts"
import type { CatalogImage } from "./catalog.ts"
import { type ImageContext, publishImage, repoDigests, tagsOf } from "./context.ts"
import type { ImageRemoveOptions } from "./contract.ts"
import { createdOf, layersSize, parentsOf } from "./list.ts"
import { referenceOf, sameRepository } from "./names.ts"
import { resolveFor } from "./platform.ts"
import { chainOf } from "./sizes.ts"

/**
 * `docker rmi`. A name is taken away; with the last one the image goes, unless something needs it. An ID takes the image
 * with all its names.
 * @throws conflict in Docker's words
 */
export async function removeImage(
  context: ImageContext,
  scope: Scope,
  ref: string,
  options: ImageRemoveOptions,
): Promise<readonly ImageDeleteItem[]> {
  if (options.platforms.length > 1) {
    throw new Failure("invalidArgument", "multiple platforms are not supported")
  }
  const { image, rows, target } = await context.catalog.find(scope, ref)
  const [platform] = options.platforms
  // An image goes whole: for another platform than it is for there is nothing to remove.
  if (platform !== undefined) await resolveFor(context, scope, target, ref, parsePlatform(platform))
  const items =
    rows.length > 0
      ? await removeNames(context, scope, image, rows, ref, options)
      : await removeById(context, scope, image, options)
  // What is gone is gone at once: whoever pulls or loads it next gets it anew.
  await context.collector.forget()
  return items
}

async function removeNames(
  context: ImageContext,
  scope: Scope,
  image: CatalogImage,
  rows: readonly Image[],
  ref: string,
  options: ImageRemoveOptions,
): Promise<readonly ImageDeleteItem[]> {
  const all = withDigests(image, rows)
  const taken = new Set(all.map((row) => row.name))
  const left = image.rows.filter((row) => referenceOf(row) && !taken.has(row.name))
  const users = context.usedBy(image.id)
  if (left.length > 0) return await untag(context, scope, image, all, left)
  if (!options.force && users[0]) {
    throw new Failure(
      "conflict",
      `conflict: unable to remove repository reference "${ref}" (must force) - container ${shortId(users[0].id)} is using its referenced image ${shortId(image.id)}`,
    )
  }
  const needed = users.some((user) => user.running) || parentsOf(await context.catalog.all(scope)).has(image.id)
  if (!needed) return await deleteImage(context, scope, image, options)
  const { target } = rows[0]!
  const { image: nameless } = await context.images.set(scope, target.digest, target)
  return await untag(context, scope, image, all, [nameless])
}

/** `rows`, and with the last tag that a repository has of the image its digest there. */
function withDigests(image: CatalogImage, rows: readonly Image[]): readonly Image[] {
  const taken = new Set(rows.map((row) => row.name))
  const left = image.rows.flatMap((row) => (taken.has(row.name) ? [] : (referenceOf(row) ?? [])))
  const untagged = rows.flatMap((row) => {
    const reference = referenceOf(row)
    return reference?.tag && !left.some((other) => other.tag && sameRepository(other, reference)) ? [reference] : []
  })
  const digests = image.rows.filter((row) => {
    const reference = referenceOf(row)
    return reference?.digest && !taken.has(row.name) && untagged.some((other) => sameRepository(other, reference))
  })
  return [...rows, ...digests]
}

async function removeById(
  context: ImageContext,
  scope: Scope,
  image: CatalogImage,
  options: ImageRemoveOptions,
): Promise<readonly ImageDeleteItem[]> {
  const refuse = (how: "cannot be forced" | "must be forced", why: string) =>
    new Failure("conflict", `conflict: unable to delete ${shortId(image.id)} (${how}) - ${why}`)
  if (parentsOf(await context.catalog.all(scope)).has(image.id)) {
    throw refuse("cannot be forced", "image has dependent child images")
  }
  const users = context.usedBy(image.id)
  const running = users.find((user) => user.running)
  if (running) throw refuse("cannot be forced", `image is being used by running container ${shortId(running.id)}`)
  if (!options.force) {
    if (!hasOneRepository(image)) throw refuse("must be forced", "image is referenced in multiple repositories")
    if (users[0]) throw refuse("must be forced", `image is being used by stopped container ${shortId(users[0].id)}`)
  }
  return await deleteImage(context, scope, image, options)
}

/** Whether an image has at most one tag, and no digest in another repository than the tag's. */
function hasOneRepository(image: CatalogImage): boolean {
  const references = image.rows.flatMap((row) => referenceOf(row) ?? [])
  const tags = references.filter((reference) => reference.tag)
  const first = tags[0] ?? references[0]
  return tags.length <= 1 && references.every((reference) => sameRepository(reference, first!))
}

/** Takes names away. A repository that has no tag of the image any more does not know its digest either. */
async function untag(
  context: ImageContext,
  scope: Scope,
  image: CatalogImage,
  rows: readonly Image[],
  left: readonly Image[],
): Promise<ImageDeleteItem[]> {
  const items: ImageDeleteItem[] = []
  const remaining = left.flatMap((row) => referenceOf(row) ?? [])
  const digests = new Set<string>()
  const known = await repoDigests(context, scope, rows)
  for (const row of rows) {
    await context.images.remove(scope, row.name)
    const reference = referenceOf(row)
    if (!reference) continue
    items.push({ Untagged: familiar(reference) })
    publishImage(context, "untag", image, image.id)
    if (reference.digest || remaining.some((other) => sameRepository(other, reference))) continue
    for (const digest of known) if (digest.startsWith(`${familiarName(reference)}@`)) digests.add(digest)
  }
  for (const Untagged of digests) items.push({ Untagged })
  return items
}

/** Deletes an image with all its names, and then parents without a name that nothing else needs. */
async function deleteImage(
  context: ImageContext,
  scope: Scope,
  image: CatalogImage,
  options: Pick<ImageRemoveOptions, "noPrune">,
): Promise<ImageDeleteItem[]> {
  const users = context.usedBy(image.id)
  const items = await untag(context, scope, image, image.rows, [])
  publishImage(context, "delete", image, image.id)
  items.push({ Deleted: image.id })
  const others = await context.catalog.all(scope)
  if (users.length === 0) {
    const shared = new Set(others.flatMap(chainOf))
    for (const chainID of chainOf(image).toReversed()) if (!shared.has(chainID)) items.push({ Deleted: chainID })
  }
  if (options.noPrune || !image.parent) return items
  const parent = others.find((other) => other.id === image.parent)
  const needed =
    !parent || tagsOf(parent).length > 0 || parentsOf(others).has(parent.id) || context.usedBy(parent.id).length > 0
  return needed ? items : [...items, ...(await deleteImage(context, scope, parent, options))]
}

/** An image in use keeps one name, the last in order. */
async function pruneNames(context: ImageContext, scope: Scope, image: CatalogImage): Promise<ImageDeleteItem[]> {
  const named = image.rows.filter((row) => referenceOf(row)).toSorted((one, other) => (one.name < other.name ? -1 : 1))
  const kept = named.at(-1)
  return kept && named.length > 1 ? await untag(context, scope, image, named.slice(0, -1), [kept]) : []
}

/**
 * `docker image prune`: nameless images, or with `dangling=false` all, that no container uses. What is reclaimed is measured as `system df`
 * measures images: the sizes of layers.
 */
export async function pruneImages(context: ImageContext, scope: Scope, filters: Filters): Promise<ImagesPruneResponse> {
  const danglingOnly = booleanFilter(filters, "dangling") ?? true
  const until = untilOf(filters)
  const deleted: ImageDeleteItem[] = []
  const before = await layersSize(context, scope)
  const images = await context.catalog.all(scope)
  const parents = parentsOf(images)
  for (const image of images) {
    if (scope.signal?.aborted) break
    if (danglingOnly && (tagsOf(image).length > 0 || parents.has(image.id))) continue
    if (until !== undefined && createdOf(image) >= until) continue
    if (!labelsMatch(filters, image.resolved?.config.config?.Labels ?? null)) continue
    if (context.usedBy(image.id).length > 0) {
      if (!danglingOnly) deleted.push(...(await pruneNames(context, scope, image)))
      continue
    }
    // An earlier round may have taken it as the parent of another.
    if (!(await context.catalog.byId(scope, image.id))) continue
    deleted.push(...(await deleteImage(context, scope, image, { noPrune: false })))
  }
  const layers = before - (await layersSize(context, scope))
  await context.collector.collect()
  const reclaimed = layers + (await context.collector.dropInterrupted())
  context.events.publish({
    Type: "image",
    Action: "prune",
    Actor: { ID: "", Attributes: { reclaimed: String(reclaimed) } },
  })
  return { ImagesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed }
}
