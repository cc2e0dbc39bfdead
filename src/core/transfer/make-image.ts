import { type Descriptor, mediaTypes } from "../../oci/descriptor.ts"
import type { DiffID, Digest } from "../../oci/digest.ts"
import type { HistoryEntry, ImageConfig } from "../../oci/image.ts"
import { formatNanos, nowNanos } from "../../std/clock.ts"
import type { ContentStore } from "../content/contract.ts"
import type { Scope } from "../scope.ts"
import type { ResolvedImage } from "./contract.ts"
import { inheritedSources } from "./sources.ts"

export interface NewImage {
  readonly config: Omit<ImageConfig, "rootfs" | "history">
  readonly comment?: string
  readonly createdBy?: string
}

/** Layers of Docker's manifests under their OCI names: the bytes are the same. */
const ociTypes: Readonly<Record<string, string>> = {
  [mediaTypes.dockerLayer]: mediaTypes.ociLayer,
  [mediaTypes.dockerLayerGzip]: mediaTypes.ociLayerGzip,
}

/**
 * Stores configuration and manifest of an image: the layers of `base`, if any, and `layer` on top. The same input,
 * `config.created` included, gives the same image.
 */
export async function storeImage(
  scope: Scope,
  content: ContentStore,
  base: ResolvedImage | undefined,
  layer: { readonly descriptor: Descriptor; readonly diffID: DiffID },
  image: NewImage,
): Promise<{ readonly target: Descriptor; readonly id: Digest }> {
  const created = image.config.created ?? formatNanos(nowNanos())
  const entry: HistoryEntry = {
    created,
    ...(image.createdBy ? { created_by: image.createdBy } : {}),
    ...(image.config.author ? { author: image.config.author } : {}),
    ...(image.comment ? { comment: image.comment } : {}),
  }
  const config: ImageConfig = {
    ...image.config,
    created,
    rootfs: { type: "layers", diff_ids: [...(base?.config.rootfs.diff_ids ?? []), layer.diffID] },
    history: [...(base?.config.history ?? []), entry],
  }
  const configBlob = await content.put(scope, Buffer.from(JSON.stringify(config)))
  const layers = [...(base?.content.layers ?? []), layer.descriptor].map(({ mediaType, digest, size }) => ({
    mediaType: ociTypes[mediaType] ?? mediaType,
    digest,
    size,
  }))
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: configBlob.digest, size: configBlob.size },
    layers,
  }
  const sources = base ? inheritedSources(await content.info(scope, base.manifest.digest)) : {}
  const { digest, size } = await content.put(scope, Buffer.from(JSON.stringify(manifest)), sources)
  return { target: { mediaType: mediaTypes.ociManifest, digest, size }, id: configBlob.digest }
}
