import { Failure, isKind } from "../../errors/failure.ts"
import type { Descriptor } from "../../oci/descriptor.ts"
import { type ChainID, chainIDs, type DiffID, parseDiffID } from "../../oci/digest.ts"
import { newId, shortId } from "../../std/id.ts"
import { KeyedMutex } from "../../std/semaphore.ts"
import type { Differ } from "../diff/contract.ts"
import type { Scope } from "../scope.ts"
import type { Snapshotter } from "../snapshots/contract.ts"
import type { ResolvedImage, TransferProgress } from "./contract.ts"

export interface UnpackOptions {
  readonly ready?: (layer: number) => Promise<void>
  readonly tell?: (layer: number, step: number | "present" | "done") => void
}

/** Progress of unpacking as it is told when an archive is loaded. */
export function loadProgress(
  image: ResolvedImage,
  progress: ((progress: TransferProgress) => void) | undefined,
): UnpackOptions {
  if (!progress) return {}
  return {
    tell: (at, step) => {
      const id = shortId(image.config.rootfs.diff_ids[at]!)
      const total = image.content.layers[at]!.size
      if (step === "present") progress({ id, status: "Already exists" })
      else progress({ id, status: "Loading layer", current: step === "done" ? total : step, total })
    },
  }
}

/** Makes images' layers into committed snapshots; each stack is unpacked once however many ask for it. */
export class Unpacker {
  readonly #snapshots: Snapshotter
  readonly #differ: Differ
  readonly #perChain = new KeyedMutex()

  constructor(options: { readonly snapshots: Snapshotter; readonly differ: Differ }) {
    this.#snapshots = options.snapshots
    this.#differ = options.differ
  }

  /**
   * @param options.ready awaited before a layer is unpacked: its blob may still be on the way
   * @param options.tell told of each layer, by its place in the stack: nothing to do, bytes of the blob so far, done
   * @throws invalidArgument when a layer is not what the configuration says; notFound when a blob is missing
   */
  async unpack(scope: Scope, image: ResolvedImage, options: UnpackOptions = {}): Promise<void> {
    const diffIDs = image.config.rootfs.diff_ids.map(parseDiffID)
    let parent: ChainID | undefined
    for (const [at, chainID] of chainIDs(diffIDs).entries()) {
      const layer = image.content.layers[at]!
      const below = parent
      await options.ready?.(at)
      await this.#perChain.run(`${scope.namespace}/${chainID}`, async () => {
        scope.signal?.throwIfAborted()
        if (await this.#snapshots.find(scope, chainID)) {
          options.tell?.(at, "present")
          return
        }
        await this.#layer(scope, layer, diffIDs[at]!, chainID, below, (bytes) => options.tell?.(at, bytes))
        options.tell?.(at, "done")
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
    tell: (bytes: number) => void,
  ): Promise<void> {
    const key = `unpack-${newId()}`
    await this.#snapshots.prepare(scope, key, parent)
    try {
      const found = await this.#differ.apply(scope, layer, key, tell)
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
