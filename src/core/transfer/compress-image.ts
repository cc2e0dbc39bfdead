import { isKind } from "../../errors/failure.ts"
import { type Descriptor, isIndex, mediaTypes } from "../../oci/descriptor.ts"
import { type Digest, isDigest, parseDiffID } from "../../oci/digest.ts"
import { compress } from "../../std/compression.ts"
import { KeyedMutex, Semaphore } from "../../std/semaphore.ts"
import type { ContentStore } from "../content/contract.ts"
import { storeStream } from "../content/store-stream.ts"
import type { Scope } from "../scope.ts"
import type { TellProgress } from "./progress.ts"
import { readImage } from "./resolve.ts"
import { inheritedSources } from "./sources.ts"

/** On an uncompressed layer: the digest of its compressed form, in use since it was first wanted. */
const compressedLabel = "barge.layer.gzip"

/** Layers that are compressed at the same time: more only compete for processors. */
const atOnce = 2

/** Types of layers that are plain tars, and what they are called when compressed. */
const compressedTypes: Readonly<Record<string, string>> = {
  [mediaTypes.ociLayer]: mediaTypes.ociLayerGzip,
  [mediaTypes.dockerLayer]: mediaTypes.dockerLayerGzip,
}

/**
 * Makes the form of an image in which registries get it: every layer compressed. The same image gives the same manifest. Whoever names
 * the image by it from then on lets the plain tars go.
 */
export class ImageCompressor {
  readonly #content: ContentStore
  readonly #layers = new KeyedMutex()
  readonly #slots = new Semaphore(atOnce)

  constructor(content: ContentStore) {
    this.#content = content
  }

  /** @returns `target` itself when there is nothing to compress, or it is an index: those come from registries */
  async compressed(scope: Scope, target: Descriptor, progress: TellProgress): Promise<Descriptor> {
    if (isIndex(target.mediaType)) return target
    const { content, config, configDescriptor } = await readImage(scope, this.#content, target)
    if (content.layers.every((layer) => !compressedTypes[layer.mediaType])) return target
    const layers = await Promise.all(
      content.layers.map(async (layer, at): Promise<Descriptor> => {
        const mediaType = compressedTypes[layer.mediaType]
        if (!mediaType) return layer
        const diffID = parseDiffID(config.rootfs.diff_ids[at]!)
        const tell = (current: number) =>
          progress({ object: layer, diffID, phase: "compressing", current, total: layer.size })
        const { digest, size } = await this.#slots.run(() => this.#layer(scope, layer, tell))
        return { mediaType, digest, size }
      }),
    )
    const document = { ...content, config: configDescriptor, layers }
    const sources = inheritedSources(await this.#content.info(scope, target.digest))
    const { digest, size } = await this.#content.put(scope, Buffer.from(JSON.stringify(document)), sources)
    return { mediaType: target.mediaType, digest, size }
  }

  #layer(
    scope: Scope,
    layer: Descriptor,
    progress: (done: number) => void,
  ): Promise<{ readonly digest: Digest; readonly size: number }> {
    return this.#layers.run(`${scope.namespace}/${layer.digest}`, async () => {
      const known = await this.#known(scope, layer)
      if (known) return known
      await using reader = await this.#content.open(scope, layer.digest)
      async function* source() {
        let done = 0
        for await (const chunk of reader.stream()) {
          scope.signal?.throwIfAborted()
          yield chunk
          done += chunk.length
          progress(done)
        }
      }
      const made = await storeStream(scope, this.#content, compress(source(), "gzip"), {
        labels: () => ({ "containerd.io/uncompressed": layer.digest }),
      })
      await this.#content.label(scope, layer.digest, { [compressedLabel]: made.digest })
      return made
    })
  }

  async #known(scope: Scope, layer: Descriptor) {
    const digest = (await this.#content.info(scope, layer.digest)).labels[compressedLabel]
    if (digest === undefined || !isDigest(digest)) return undefined
    try {
      return await this.#content.info(scope, digest)
    } catch (error) {
      if (isKind(error, "notFound")) return undefined
      throw error
    }
  }
}
