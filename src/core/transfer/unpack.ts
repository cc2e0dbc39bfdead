import { Failure, isKind } from "../../errors/failure.ts"
import type { Descriptor } from "../../oci/descriptor.ts"
import { type ChainID, chainIDs, type DiffID, parseDiffID } from "../../oci/digest.ts"
import { newId } from "../../std/id.ts"
import { KeyedMutex, Semaphore } from "../../std/semaphore.ts"
import type { GrowingBlob } from "../content/contract.ts"
import type { AppliedLayer, Differ } from "../diff/contract.ts"
import type { Scope } from "../scope.ts"
import type { Snapshotter } from "../snapshots/contract.ts"
import type { ResolvedImage } from "./contract.ts"
import type { TellProgress } from "./progress.ts"

export interface UnpackOptions {
  /** Settled when a layer's blob is in the store, verified: nothing of it is committed before. */
  readonly ready?: (layer: number) => Promise<void>
  /** Settled when a layer's blob begins to come. */
  readonly arriving?: (layer: number) => Promise<GrowingBlob>
  /** Told of each layer, by its place in the stack: nothing to do, bytes of the blob so far, done. */
  readonly tell?: (layer: number, step: number | "present" | "done") => void
}

/** One layer of a stack on its way to a snapshot. */
interface Layer {
  readonly descriptor: Descriptor
  readonly diffID: DiffID
  readonly chainID: ChainID
  readonly at: number
  /** The committed snapshot below, once there is one. */
  readonly parent: Promise<ChainID | undefined>
}

/** Tells the progress of unpacking an image whose blobs are here. */
export function unpackProgress(image: ResolvedImage, progress: TellProgress | undefined): UnpackOptions {
  if (!progress) return {}
  return {
    tell: (at, step) => {
      const object = image.content.layers[at]!
      const about = { object, diffID: parseDiffID(image.config.rootfs.diff_ids[at]!) }
      const total = object.size
      if (step === "present") return progress({ ...about, phase: "present" })
      progress({ ...about, phase: "unpacking", current: step === "done" ? total : step, total })
      if (step === "done") progress({ ...about, phase: "unpacked" })
    },
  }
}

/** How many layers are unpacked at the same moment: more only compete for the processors and the disk. */
const atOnce = 2

/** Makes images' layers into committed snapshots; each stack is unpacked once however many ask for it. */
export class Unpacker {
  readonly #snapshots: Snapshotter
  readonly #differ: Differ
  readonly #perChain = new KeyedMutex()
  /** Layers on their way have slots of their own: what is here must not wait for a slow network. */
  readonly #arriving = new Semaphore(atOnce)
  readonly #present = new Semaphore(atOnce)

  constructor(options: { readonly snapshots: Snapshotter; readonly differ: Differ }) {
    this.#snapshots = options.snapshots
    this.#differ = options.differ
  }

  /**
   * Unpacks layers side by side where the snapshotter can, and commits them from the bottom up.
   * @throws invalidArgument when a layer is not what the configuration says; notFound when a blob is missing
   */
  async unpack(scope: Scope, image: ResolvedImage, options: UnpackOptions = {}): Promise<void> {
    const diffIDs = image.config.rootfs.diff_ids.map(parseDiffID)
    const stop = new AbortController()
    const signal = scope.signal ? AbortSignal.any([scope.signal, stop.signal]) : stop.signal
    let below: Promise<ChainID | undefined> = Promise.resolve(undefined)
    const layers = chainIDs(diffIDs).map((chainID, at) => {
      const parent = below
      const layer = { descriptor: image.content.layers[at]!, diffID: diffIDs[at]!, chainID, at, parent }
      const done = this.#ensure({ ...scope, signal }, layer, options)
      // What first fails ends the others; when that is the caller's wish, its reason counts.
      done.catch((error: unknown) => stop.abort(scope.signal?.aborted ? scope.signal.reason : error))
      below = done.then(() => chainID)
      below.catch(() => {})
      return done
    })
    await Promise.allSettled(layers)
    stop.signal.throwIfAborted()
  }

  async #ensure(scope: Scope, layer: Layer, options: UnpackOptions): Promise<void> {
    const { chainID, at, parent } = layer
    if (!this.#snapshots.independent) await parent
    await this.#perChain.run(`${scope.namespace}/${chainID}`, async () => {
      scope.signal?.throwIfAborted()
      if (await this.#snapshots.find(scope, chainID)) {
        await parent
        options.tell?.(at, "present")
        return
      }
      await this.#make(scope, layer, options)
      options.tell?.(at, "done")
    })
  }

  async #make(scope: Scope, layer: Layer, options: UnpackOptions): Promise<void> {
    const { descriptor, diffID, chainID, at, parent } = layer
    const key = `unpack-${newId()}`
    const progress = (bytes: number) => options.tell?.(at, bytes)
    const attempt = async (growing?: GrowingBlob): Promise<AppliedLayer> => {
      await this.#snapshots.prepare(scope, key, this.#snapshots.independent ? undefined : await parent)
      const found = await this.#differ
        .apply(scope, descriptor, key, { progress, sealed: true, ...(growing ? { growing } : {}) })
        .catch((error: unknown) => {
          throw isKind(error, "notFound") ? missing(descriptor, error) : error
        })
      if (found.diffID === diffID) return found
      throw new Failure(
        "invalidArgument",
        `layer ${descriptor.digest} unpacks to ${found.diffID}, but the image's configuration says ${diffID}`,
      )
    }
    try {
      const early = this.#snapshots.independent
        ? await this.#whileArriving(scope, key, at, options, attempt)
        : undefined
      await options.ready?.(at)
      const { implied, usage } = early ?? (await this.#present.run(() => attempt()))
      const below = await parent
      scope.signal?.throwIfAborted()
      if (below !== undefined && this.#snapshots.independent) await this.#differ.inherit(scope, key, below, implied)
      await this.#snapshots.commit(scope, chainID, key, {
        ...(below === undefined ? {} : { parent: below }),
        ...(usage ? { usage } : {}),
      })
    } catch (error) {
      await this.#snapshots.remove(scope, key).catch(() => {})
      throw error
    }
  }

  /** Unpacks a layer while it comes. @returns undefined when that did not work: its whole blob, verified, tells why */
  async #whileArriving(
    scope: Scope,
    key: string,
    at: number,
    options: UnpackOptions,
    attempt: (growing: GrowingBlob) => Promise<AppliedLayer>,
  ): Promise<AppliedLayer | undefined> {
    const ready = options.ready?.(at)
    if (!options.arriving || !ready) return undefined
    const here = ready.then(() => undefined)
    const blob = await Promise.race([options.arriving(at), here])
    if (!blob) return undefined
    const asked = this.#arriving.acquire()
    const slot = await Promise.race([asked, here])
    if (!slot) {
      void asked.then((late) => late[Symbol.dispose]())
      return undefined
    }
    using _slot = slot
    try {
      return await attempt(blob)
    } catch {
      scope.signal?.throwIfAborted()
      await this.#snapshots.remove(scope, key).catch(() => {})
      return undefined
    }
  }
}

const missing = ({ digest }: Descriptor, cause: unknown) =>
  new Failure("notFound", `layer ${digest} is not in the store; pull or load the image again`, cause)
