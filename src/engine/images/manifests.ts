import type { ImageIdentity, ManifestSummary } from "../../api/image.ts"
import type { Scope } from "../../core/scope.ts"
import type { ResolvedImage } from "../../core/transfer/contract.ts"
import { isKind } from "../../errors/failure.ts"
import { type Descriptor, isIndex } from "../../oci/descriptor.ts"
import type { Index } from "../../oci/image.ts"
import type { Platform } from "../../oci/platform.ts"
import type { CatalogImage } from "./catalog.ts"
import type { ImageContext } from "./context.ts"
import { identityOf } from "./identity.ts"
import { LayerSizes } from "./sizes.ts"

/** The manifests of an image, one per platform, and what of them is here. */
export async function manifestsOf(
  context: ImageContext,
  scope: Scope,
  image: CatalogImage,
  target: Descriptor,
  options: { readonly identity?: boolean } = {},
): Promise<readonly ManifestSummary[]> {
  const identity = options.identity ? await identityOf(context, scope, target.digest) : undefined
  const summary = async (manifest: Descriptor, known?: ResolvedImage) =>
    withIdentity(await summaryOf(context, scope, manifest, known), identity)
  if (!isIndex(target.mediaType)) {
    return image.resolved ? [await summary(image.resolved.manifest, image.resolved)] : []
  }
  const index = JSON.parse(Buffer.from(await context.content.readAll(scope, target.digest)).toString("utf8")) as Index
  return await Promise.all(index.manifests.map((manifest) => summary(manifest)))
}

/** What is known of the origin of an image is known of each of its platforms. */
const withIdentity = (summary: ManifestSummary, Identity: ImageIdentity | undefined): ManifestSummary =>
  summary.ImageData && Identity ? { ...summary, ImageData: { ...summary.ImageData, Identity } } : summary

async function summaryOf(
  context: ImageContext,
  scope: Scope,
  manifest: Descriptor,
  known?: ResolvedImage,
): Promise<ManifestSummary> {
  const attests = manifest.annotations?.["vnd.docker.reference.digest"]
  const resolved = known ?? (attests ? undefined : await tryResolve(context, scope, manifest))
  const stored = resolved ? [manifest, resolved.configDescriptor, ...resolved.content.layers] : [manifest]
  let content = 0
  let available = resolved !== undefined || attests !== undefined
  for (const { digest, size } of stored) {
    if (await context.content.has(scope, digest)) content += size
    else available = false
  }
  const layers = resolved ? await new LayerSizes(context, scope).of({ resolved }) : []
  const unpacked = layers.reduce((sum, layer) => sum + layer.size, 0)
  const platform = attests ? undefined : (manifest.platform ?? (resolved && platformOf(resolved)))
  return {
    ID: manifest.digest,
    Descriptor: manifest,
    Available: available,
    Size: { Content: content, Total: content + unpacked },
    Kind: attests ? "attestation" : platform ? "image" : "unknown",
    // Clients read this of every image, whether it is here or not.
    ...(platform
      ? {
          ImageData: {
            Platform: platform,
            Containers: resolved ? context.usedBy(resolved.id).map((user) => user.id) : [],
            Size: { Unpacked: unpacked },
          },
        }
      : {}),
    ...(attests ? { AttestationData: { For: attests } } : {}),
  }
}

const platformOf = ({ config: { os, architecture, variant } }: ResolvedImage): Platform => ({
  os,
  architecture,
  ...(variant ? { variant } : {}),
})

async function tryResolve(
  context: ImageContext,
  scope: Scope,
  manifest: Descriptor,
): Promise<ResolvedImage | undefined> {
  try {
    return await context.transfer.resolve(scope, manifest, manifest.platform)
  } catch (error) {
    if (isKind(error, "notFound") || isKind(error, "invalidArgument")) return undefined
    throw error
  }
}
