import { Failure, isKind } from "../../errors/failure.ts"
import { type Descriptor, mediaTypes } from "../../oci/descriptor.ts"
import { type Digest, isDigest, parseDiffID } from "../../oci/digest.ts"
import { formatReference, parseReference, withDefaultTag } from "../../oci/reference.ts"
import type { Compression } from "../../std/compression.ts"
import type { ContentStore } from "../content/contract.ts"
import type { Scope } from "../scope.ts"
import type { ArchivedBlob, ImageArchive } from "./archive.ts"
import { isObject, isStrings, parseImageConfig, parseJson } from "./documents.ts"
import type { OfferedImage } from "./load.ts"

interface DockerImage {
  readonly config: string
  readonly tags: readonly string[]
  readonly layers: readonly string[]
  readonly parent?: Digest
}

const refuse = (what: string) => new Failure("invalidArgument", `invalid manifest.json: ${what}`)

/** `manifest.json` of `docker save`. @throws invalidArgument */
function parse(bytes: Uint8Array): DockerImage[] {
  const list = parseJson(bytes, "manifest.json")
  if (!Array.isArray(list)) throw refuse("not a list of images")
  return list.map((each: unknown) => {
    if (!isObject(each) || typeof each["Config"] !== "string") throw refuse("an image without Config")
    const layers = each["Layers"] ?? []
    const tags = each["RepoTags"] ?? []
    if (!isStrings(layers)) throw refuse("Layers are not paths")
    if (!isStrings(tags)) throw refuse("RepoTags are not names")
    const full = tags.map((tag) => formatReference(withDefaultTag(parseReference(tag))))
    const parent = each["Parent"]
    const known = typeof parent === "string" && isDigest(parent) ? { parent } : {}
    return { config: each["Config"], tags: [...new Set(full)], layers, ...known }
  })
}

/** The names that `manifest.json` gives to configurations. @throws invalidArgument */
export function repoTags(archive: ImageArchive, manifest: Uint8Array): ReadonlyMap<Digest, readonly string[]> {
  const found = new Map<Digest, readonly string[]>()
  for (const { config, tags } of parse(manifest)) {
    const blob = archive.blob(config)
    if (blob) found.set(blob.digest, tags)
  }
  return found
}

/** The images of `manifest.json` that were committed from others of it, with these. @throws invalidArgument */
export function parentsIn(archive: ImageArchive, manifest: Uint8Array): ReadonlyMap<Digest, Digest> {
  const found = new Map<Digest, Digest>()
  for (const { config, parent } of parse(manifest)) {
    const blob = archive.blob(config)
    if (blob && parent) found.set(blob.digest, parent)
  }
  return found
}

/**
 * The images of `docker save`'s form. Each gets a manifest, since the form has none.
 * @throws invalidArgument when a file that is named is not there, or a layer is not what the configuration says
 */
export async function dockerImages(
  scope: Scope,
  content: ContentStore,
  archive: ImageArchive,
  manifest: Uint8Array,
): Promise<readonly OfferedImage[]> {
  const offered: OfferedImage[] = []
  for (const image of parse(manifest)) {
    const config = archive.blob(image.config)
    if (!config) throw refuse(`its Config "${image.config}" is not in the archive`)
    const bytes = await content.readAll(scope, config.digest)
    const diffIDs = parseImageConfig(bytes, image.config).rootfs.diff_ids.map(parseDiffID)
    if (diffIDs.length !== image.layers.length) {
      throw refuse(`an image with ${image.layers.length} Layers, but ${diffIDs.length} in its configuration`)
    }
    const layers: Descriptor[] = []
    for (const [at, path] of image.layers.entries()) {
      const blob = archive.blob(path) ?? (await present(scope, content, diffIDs[at] as string as Digest))
      if (!blob) throw refuse(`its layer "${path}" is not in the archive`)
      if (blob.compression === "none" && blob.digest !== (diffIDs[at] as string)) {
        throw refuse(`layer "${path}" has the digest ${blob.digest}, but the configuration says ${diffIDs[at]}`)
      }
      layers.push({ mediaType: layerType(blob.compression, path), digest: blob.digest, size: blob.size })
    }
    const document = {
      schemaVersion: 2,
      mediaType: mediaTypes.dockerManifest,
      config: { mediaType: mediaTypes.dockerConfig, digest: config.digest, size: config.size },
      layers,
    }
    const { digest, size } = await content.put(scope, Buffer.from(JSON.stringify(document)))
    offered.push({ target: { mediaType: mediaTypes.dockerManifest, digest, size }, names: image.tags })
  }
  return offered
}

/** A layer that the archive left out because the receiver has it. */
async function present(scope: Scope, content: ContentStore, digest: Digest): Promise<ArchivedBlob | undefined> {
  try {
    const { size } = await content.info(scope, digest)
    return { digest, size, compression: "none" }
  } catch (error) {
    if (isKind(error, "notFound")) return undefined
    throw error
  }
}

function layerType(compression: Compression, path: string): string {
  if (compression === "none") return mediaTypes.dockerLayer
  if (compression === "gzip") return mediaTypes.dockerLayerGzip
  if (compression === "zstd") return mediaTypes.ociLayerZstd
  throw refuse(`layer "${path}" is compressed with ${compression}; only gzip and zstd are possible there`)
}
