import { Failure, isKind } from "../../errors/failure.ts"
import type { Descriptor } from "../../oci/descriptor.ts"
import type { Digest } from "../../oci/digest.ts"
import type { Platform } from "../../oci/platform.ts"
import type { ContentStore } from "../content/contract.ts"
import type { ImageStore } from "../images/contract.ts"
import { nameImage } from "../images/name-image.ts"
import type { Scope } from "../scope.ts"
import { ImageArchive } from "./archive.ts"
import type { LoadedImage, ResolvedImage } from "./contract.ts"
import { dockerImages, parentsIn, repoTags } from "./docker-archive.ts"
import { legacyImages } from "./legacy-archive.ts"
import { layoutImages } from "./oci-layout.ts"
import { setParent } from "./parents.ts"
import type { TellProgress } from "./progress.ts"
import { imagesOf, readImage, resolveImage } from "./resolve.ts"
import { type Unpacker, unpackProgress } from "./unpack.ts"

/** An image that an archive offers, its content in the store and complete. */
export interface OfferedImage {
  readonly target: Descriptor
  /** Full references. */
  readonly names: readonly string[]
}

/**
 * Loads all images of an archive: stored, unpacked, then named. Names appear only when everything else has worked; what was stored
 * for a failed load belongs to nobody but the scope's lease.
 * @throws invalidArgument
 */
export async function loadArchive(
  scope: Scope,
  stores: { readonly content: ContentStore; readonly images: ImageStore; readonly unpacker: Unpacker },
  source: AsyncIterable<Uint8Array>,
  options: { readonly platforms?: readonly Platform[]; readonly progress?: TellProgress },
): Promise<readonly LoadedImage[]> {
  const { content, images, unpacker } = stores
  const archive = await scope.span.step("read archive", () => ImageArchive.read(scope, content, source))
  const offered = await offeredBy(scope, content, archive)
  const loaded: { readonly offer: OfferedImage; readonly image: ResolvedImage }[] = []
  for (const offer of offered) {
    const wanted: readonly (Platform | undefined)[] = options.platforms?.length ? options.platforms : [undefined]
    for (const [at, platform] of wanted.entries()) {
      const image = await choose(scope, content, offer.target, platform)
      await scope.span.step("unpack", (span) => {
        span.set({ image: offer.names[0] ?? image.id, layers: image.content.layers.length })
        return unpacker.unpack(scope, image, unpackProgress(image, options.progress))
      })
      if (at === 0) loaded.push({ offer, image })
    }
  }
  const manifest = archive.document("manifest.json")
  const parents = manifest ? parentsIn(archive, manifest) : new Map<Digest, Digest>()
  const ids = new Set(loaded.map(({ image }) => image.id))
  for (const id of ids) {
    const parent = parents.get(id)
    if (parent && ids.has(parent)) await setParent(scope, content, id, parent)
  }
  const result: LoadedImage[] = []
  for (const { offer, image } of loaded) {
    for (const name of offer.names.length ? offer.names : [undefined]) {
      await nameImage(scope, images, name, offer.target)
      result.push({ ...(name ? { name } : {}), id: image.id })
    }
  }
  return result
}

async function offeredBy(scope: Scope, content: ContentStore, archive: ImageArchive): Promise<readonly OfferedImage[]> {
  const index = archive.document("index.json")
  const manifest = archive.document("manifest.json")
  if (index && archive.document("oci-layout")) {
    return await layoutImages(scope, content, index, manifest ? repoTags(archive, manifest) : new Map())
  }
  if (manifest) return await dockerImages(scope, content, archive, manifest)
  const repositories = archive.document("repositories")
  if (repositories) return await legacyImages(scope, content, archive, repositories)
  throw new Failure(
    "invalidArgument",
    "not an image archive: it has neither manifest.json (docker save) nor index.json (OCI layout); a root file system is imported with `import`",
  )
}

/** The image to unpack: the one asked for, or else the host's, or else the first that is complete. */
async function choose(
  scope: Scope,
  content: ContentStore,
  target: Descriptor,
  platform: Platform | undefined,
): Promise<ResolvedImage> {
  try {
    return await resolveImage(scope, content, target, platform)
  } catch (error) {
    if (platform || !isKind(error, "notFound")) throw error
    for (const candidate of await imagesOf(scope, content, target)) {
      if (await content.has(scope, candidate.digest)) return await readImage(scope, content, candidate)
    }
    throw error
  }
}
