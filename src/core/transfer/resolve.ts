import { Failure, isKind } from "../../errors/failure.ts"
import { type Descriptor, isIndex, isManifest } from "../../oci/descriptor.ts"
import { chainIDs, parseDiffID } from "../../oci/digest.ts"
import { walkImage } from "../../oci/graph.ts"
import { formatPlatform, hostPlatform, type Platform, platformDistance } from "../../oci/platform.ts"
import type { ContentStore } from "../content/contract.ts"
import type { Scope } from "../scope.ts"
import type { ResolvedImage } from "./contract.ts"
import { parseImageConfig, parseIndex, parseManifest } from "./documents.ts"

/**
 * Picks the image for `platform` out of `target`. An image that is not in an index is taken as it is when no platform
 * is asked for.
 * @throws notFound when there is none, or its documents are not in the store; invalidArgument for malformed ones
 */
export async function resolveImage(
  scope: Scope,
  content: ContentStore,
  target: Descriptor,
  platform?: Platform,
): Promise<ResolvedImage> {
  if (isManifest(target.mediaType)) {
    const image = await readImage(scope, content, target)
    if (platform && platformDistance(platform, image.config) === undefined)
      throw noneFor(target, platform, [image.config])
    return image
  }
  const wanted = platform ?? hostPlatform()
  const candidates = await imagesOf(scope, content, target)
  const matching = candidates
    .flatMap((candidate) => {
      const distance = candidate.platform && platformDistance(wanted, candidate.platform)
      return distance === undefined ? [] : [{ candidate, distance }]
    })
    .sort((one, other) => one.distance - other.distance)
  let missing: unknown
  for (const { candidate } of matching) {
    try {
      return await readImage(scope, content, candidate)
    } catch (error) {
      if (!isKind(error, "notFound")) throw error
      missing = error
    }
  }
  if (missing) throw missing
  throw noneFor(
    target,
    wanted,
    candidates.flatMap((candidate) => candidate.platform ?? []),
  )
}

function noneFor(target: Descriptor, wanted: Platform, offered: readonly Platform[]): Failure {
  const list = [...new Set(offered.map(formatPlatform))].filter((text) => !text.startsWith("unknown")).join(", ")
  return new Failure(
    "notFound",
    `image ${target.digest} has nothing for platform ${formatPlatform(wanted)}${list ? `; it has ${list}` : ""}`,
  )
}

/** The images that `target`, a manifest or an index, leads to, with their platforms. @throws notFound, invalidArgument */
export async function imagesOf(
  scope: Scope,
  content: ContentStore,
  target: Descriptor,
): Promise<readonly Descriptor[]> {
  if (!isManifest(target.mediaType) && !isIndex(target.mediaType)) {
    throw new Failure("invalidArgument", `${target.digest} is of type ${target.mediaType}, not an image`)
  }
  const found: Descriptor[] = []
  const listed = async (document: Descriptor) => {
    if (!isIndex(document.mediaType)) return []
    if (document !== target && !(await content.has(scope, document.digest))) return []
    // Attestations are kept beside images under a platform that nothing runs on.
    return parseIndex(await content.readAll(scope, document.digest)).manifests.filter(
      (each) => each.platform?.os !== "unknown",
    )
  }
  for await (const each of walkImage(target, listed)) {
    if (!isManifest(each.mediaType)) continue
    if (each.platform) found.push(each)
    else if (each === target || (await content.has(scope, each.digest))) {
      const { os, architecture, variant } = (await readImage(scope, content, each)).config
      found.push({ ...each, platform: { os, architecture, ...(variant ? { variant } : {}) } })
    }
  }
  return found
}

/** The image of one manifest. @throws notFound when its documents are not in the store, invalidArgument */
export async function readImage(scope: Scope, content: ContentStore, manifest: Descriptor): Promise<ResolvedImage> {
  const document = parseManifest(await content.readAll(scope, manifest.digest), `image manifest ${manifest.digest}`)
  const { digest } = document.config
  const config = parseImageConfig(await content.readAll(scope, digest), `image configuration ${digest}`)
  const diffIDs = config.rootfs.diff_ids.map(parseDiffID)
  if (diffIDs.length !== document.layers.length) {
    throw new Failure(
      "invalidArgument",
      `image ${manifest.digest} has ${document.layers.length} layers, but its configuration names ${diffIDs.length}`,
    )
  }
  const chainID = chainIDs(diffIDs).at(-1)
  return {
    manifest,
    content: document,
    configDescriptor: document.config,
    id: digest,
    config,
    ...(chainID ? { chainID } : {}),
  }
}
