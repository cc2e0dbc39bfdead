import { Failure, isKind } from "../../errors/failure.ts"
import type { Descriptor } from "../../oci/descriptor.ts"
import { type ChainID, chainIDs, type DiffID, parseDiffID } from "../../oci/digest.ts"
import { newId, shortId } from "../../std/id.ts"
import { KeyedMutex } from "../../std/semaphore.ts"
import type { Differ } from "../diff/contract.ts"
import type { Scope } from "../scope.ts"
import type { Snapshotter } from "../snapshots/contract.ts"
import type { ResolvedImage, TransferProgress } from "./contract.ts"

/** Makes images' layers into committed snapshots; each stack is unpacked once however many ask for it. */
export class Unpacker {
  readonly #snapshots: Snapshotter
  readonly #differ: Differ
  readonly #perChain = new KeyedMutex()

  constructor(options: { readonly snapshots: Snapshotter; readonly differ: Differ }) {
    this.#snapshots = options.snapshots
    this.#differ = options.differ
  }

  /** @throws invalidArgument when a layer is not what the configuration says; notFound when a blob is missing */
  async unpack(scope: Scope, image: ResolvedImage, progress?: (progress: TransferProgress) => void): Promise<void> {
    const diffIDs = image.config.rootfs.diff_ids.map(parseDiffID)
    let parent: ChainID | undefined
    for (const [at, chainID] of chainIDs(diffIDs).entries()) {
      const layer = image.content.layers[at]!
      const below = parent
      const tell = (status: string, current?: number) =>
        progress?.({
          id: shortId(diffIDs[at]!),
          status,
          ...(current === undefined ? {} : { current, total: layer.size }),
        })
      await this.#perChain.run(`${scope.namespace}/${chainID}`, async () => {
        scope.signal?.throwIfAborted()
        if (await this.#snapshots.find(scope, chainID)) {
          tell("Already exists")
          return
        }
        await this.#layer(scope, layer, diffIDs[at]!, chainID, below, tell)
        tell("Loading layer", layer.size)
      })
      parent = chainID
    }
  }

  async #layer(
    scope: Scope,
    layer: Descriptor,
    diffID: DiffID,
    chainID: ChainID,
    parent: ChainID | undefined,
    tell: (status: string, current: number) => void,
  ): Promise<void> {
    const key = `unpack-${newId()}`
    await this.#snapshots.prepare(scope, key, parent)
    try {
      const found = await this.#differ.apply(scope, layer, key, (bytes) => tell("Loading layer", bytes))
      if (found.diffID !== diffID) {
        throw new Failure(
          "invalidArgument",
          `layer ${layer.digest} unpacks to ${found.diffID}, but the image's configuration says ${diffID}`,
        )
      }
      await this.#snapshots.commit(scope, chainID, key)
    } catch (error) {
      await this.#snapshots.remove(scope, key).catch(() => {})
      if (isKind(error, "notFound")) {
        throw new Failure("notFound", `layer ${layer.digest} is not in the store; pull or load the image again`, error)
      }
      throw error
    }
  }
}
