import type { Scope } from "../../core/scope.ts"
import { isKind } from "../../errors/failure.ts"
import { type ChainID, chainIDs, parseDiffID } from "../../oci/digest.ts"
import type { CatalogImage } from "./catalog.ts"
import type { ImageContext } from "./context.ts"

export interface LayerSize {
  readonly chainID: ChainID
  /** Bytes on disk when unpacked, else those of the stored layer. */
  readonly size: number
}

/** The chain IDs of an image's layers, bottom first. */
export const chainOf = (image: Pick<CatalogImage, "resolved">): readonly ChainID[] =>
  image.resolved ? chainIDs(image.resolved.config.rootfs.diff_ids.map(parseDiffID)) : []

/** Measures layers, each once however many images have it. */
export class LayerSizes {
  readonly #context: Pick<ImageContext, "snapshots">
  readonly #scope: Scope
  readonly #known = new Map<ChainID, number>()

  constructor(context: Pick<ImageContext, "snapshots">, scope: Scope) {
    this.#context = context
    this.#scope = scope
  }

  /** The layers of an image, bottom first. */
  async of(image: Pick<CatalogImage, "resolved">): Promise<readonly LayerSize[]> {
    const layers: LayerSize[] = []
    for (const [index, chainID] of chainOf(image).entries()) {
      let size = this.#known.get(chainID)
      if (size === undefined) {
        size = await this.#measure(chainID, image.resolved!.content.layers[index]?.size ?? 0)
        this.#known.set(chainID, size)
      }
      layers.push({ chainID, size })
    }
    return layers
  }

  /** Bytes of every layer measured so far, each counted once. */
  get total(): number {
    return [...this.#known.values()].reduce((sum, size) => sum + size, 0)
  }

  async #measure(chainID: ChainID, stored: number): Promise<number> {
    try {
      return (await this.#context.snapshots.usage(this.#scope, chainID)).size
    } catch (error) {
      if (isKind(error, "notFound")) return stored
      throw error
    }
  }
}
