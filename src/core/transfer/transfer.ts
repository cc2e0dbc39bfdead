import { type Descriptor, mediaTypes } from "../../oci/descriptor.ts"
import { type Digest, parseDiffID } from "../../oci/digest.ts"
import type { ImageConfig } from "../../oci/image.ts"
import type { Platform } from "../../oci/platform.ts"
import { decompress, peek } from "../../std/compression.ts"
import { endOfArchive } from "../../std/tar/writer.ts"
import type { ContentStore } from "../content/contract.ts"
import { storeStream } from "../content/store-stream.ts"
import type { Differ } from "../diff/contract.ts"
import type { GarbageCollector } from "../gc/contract.ts"
import type { ImageStore } from "../images/contract.ts"
import type { LeaseStore } from "../leases/contract.ts"
import type { Scope } from "../scope.ts"
import type { Snapshotter } from "../snapshots/contract.ts"
import type { LoadedImage, ResolvedImage, Transfer } from "./contract.ts"
import { loadArchive } from "./load.ts"
import { storeImage } from "./make-image.ts"
import type { TellProgress } from "./progress.ts"
import { readImage, resolveImage } from "./resolve.ts"
import { saveArchive } from "./save.ts"
import { Unpacker, unpackProgress } from "./unpack.ts"

/** No bytes at all count as an archive of nothing, as with Docker. */
async function* orEmpty(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const chunk of source) {
    size += chunk.length
    yield chunk
  }
  if (size === 0) yield endOfArchive
}

/** Images in and out of the stores of one daemon. */
export class ImageTransfer implements Transfer {
  readonly #content: ContentStore
  readonly #images: ImageStore
  readonly #leases: LeaseStore
  readonly #differ: Differ
  readonly #collector: GarbageCollector
  /** Shared with all that makes snapshots of layers: each is unpacked once. */
  readonly unpacker: Unpacker

  constructor(options: {
    readonly content: ContentStore
    readonly images: ImageStore
    readonly leases: LeaseStore
    readonly snapshots: Snapshotter
    readonly differ: Differ
    readonly collector: GarbageCollector
  }) {
    this.#content = options.content
    this.#images = options.images
    this.#leases = options.leases
    this.#differ = options.differ
    this.#collector = options.collector
    this.unpacker = new Unpacker(options)
  }

  async resolve(scope: Scope, target: Descriptor, platform?: Platform): Promise<ResolvedImage> {
    return await resolveImage(scope, this.#content, target, platform)
  }

  async unpack(scope: Scope, image: ResolvedImage, progress?: TellProgress): Promise<void> {
    await this.#protected(scope, (held) => this.unpacker.unpack(held, image, unpackProgress(image, progress)))
  }

  async load(
    scope: Scope,
    archive: AsyncIterable<Uint8Array>,
    options: {
      readonly platforms?: readonly Platform[]
      readonly progress?: TellProgress
    } = {},
  ): Promise<readonly LoadedImage[]> {
    const stores = { content: this.#content, images: this.#images, unpacker: this.unpacker }
    return await this.#protected(scope, (held) => loadArchive(held, stores, archive, options))
  }

  save(
    scope: Scope,
    images: readonly { readonly target: Descriptor; readonly names: readonly string[] }[],
    options: { readonly platforms?: readonly Platform[] } = {},
  ): AsyncIterable<Uint8Array> {
    return saveArchive(scope, this.#content, images, options)
  }

  async importTree(
    scope: Scope,
    tar: AsyncIterable<Uint8Array>,
    options: {
      readonly config: Omit<ImageConfig, "rootfs" | "history">
      readonly comment?: string
      readonly createdBy?: string
      readonly platform?: Platform
    },
  ): Promise<{ readonly target: Descriptor; readonly id: Digest }> {
    return await this.#protected(scope, async (held) => {
      const { compression, stream } = await peek(tar)
      const { digest, size } = await storeStream(held, this.#content, orEmpty(decompress(stream, compression)))
      const layer = {
        descriptor: { mediaType: mediaTypes.ociLayer, digest, size },
        diffID: parseDiffID(digest),
      }
      const config = { ...options.config, ...options.platform }
      const made = await storeImage(held, this.#content, undefined, layer, { ...options, config })
      // What cannot be unpacked is refused now, not when it is run.
      await this.unpacker.unpack(held, await readImage(held, this.#content, made.target))
      return made
    })
  }

  async commit(
    scope: Scope,
    key: string,
    base: ResolvedImage | undefined,
    options: {
      readonly config: Omit<ImageConfig, "rootfs" | "history">
      readonly comment?: string
      readonly createdBy?: string
    },
  ): Promise<{ readonly target: Descriptor; readonly id: Digest }> {
    return await this.#protected(scope, async (held) => {
      const layer = await this.#differ.compare(held, key)
      const made = await storeImage(held, this.#content, base, layer, options)
      await this.unpacker.unpack(held, await readImage(held, this.#content, made.target))
      return made
    })
  }

  /** Runs `work` under the caller's lease, or under one of its own; what a failure leaves is collected soon. */
  async #protected<T>(scope: Scope, work: (scope: Scope) => Promise<T>): Promise<T> {
    try {
      return scope.lease === undefined ? await this.#leases.within(scope, work) : await work(scope)
    } catch (error) {
      this.#collector.schedule()
      throw error
    }
  }
}
