import { Failure } from "../../errors/failure.ts"
import { type Descriptor, mediaTypes } from "../../oci/descriptor.ts"
import { type DiffID, parseDiffID } from "../../oci/digest.ts"
import { WorkerCalls } from "../../std/worker-calls.ts"
import type { ContentStore, GrowingBlob } from "../content/contract.ts"
import { storeStream } from "../content/store-stream.ts"
import type { ImpliedDirectory } from "../layers/contract.ts"
import type { Scope } from "../scope.ts"
import type { Snapshotter } from "../snapshots/contract.ts"
import type { ApplyCalls } from "./apply.ts"
import type { AppliedLayer, Change, Differ } from "./contract.ts"
import type { ReadCalls } from "./read.ts"

/** Threads that unpack layers, one or several each. */
const applyingThreads = 2

const layerTypes = {
  none: mediaTypes.ociLayer,
  gzip: mediaTypes.ociLayerGzip,
  zstd: mediaTypes.ociLayerZstd,
} as const

/** Unpacks and packs layers in threads of its own, which live only while there is work. */
export class ThreadedDiffer implements Differ, Disposable {
  readonly #content: ContentStore
  readonly #snapshots: Snapshotter
  readonly #appliers: readonly WorkerCalls<ApplyCalls>[]
  #growing = 0
  readonly #reader = new WorkerCalls<ReadCalls>("core/diff/read")

  constructor(options: { readonly content: ContentStore; readonly snapshots: Snapshotter }) {
    this.#content = options.content
    this.#snapshots = options.snapshots
    this.#appliers = Array.from({ length: applyingThreads }, () => new WorkerCalls<ApplyCalls>("core/diff/apply"))
  }

  async apply(
    scope: Scope,
    layer: Descriptor,
    key: string,
    options: {
      readonly progress?: (bytes: number) => void
      readonly growing?: GrowingBlob
      readonly sealed?: boolean
    } = {},
  ): Promise<AppliedLayer> {
    const { growing, progress } = options
    const info = await this.#snapshots.stat(scope, key)
    if (info.kind !== "active") throw new Failure("invalidArgument", `snapshot ${key} is not active`)
    const file = growing?.path ?? (await this.#content.path(scope, layer.digest))
    const { image, ...directory } = await this.#snapshots.layerTarget(scope, key)
    const target = options.sealed && image ? { ...directory, image } : directory
    const applier = this.#idlest()
    const id = this.#growing++
    const signals = [scope.signal, growing?.broken].filter((signal) => signal !== undefined)
    const applying = applier.call(
      "apply",
      { file, digest: layer.digest, target, ...(growing ? { growing: { id, size: layer.size } } : {}) },
      { ...(signals.length > 0 ? { signal: AbortSignal.any(signals) } : {}), ...(progress ? { progress } : {}) },
    )
    using _watching = growing?.watch((bytes) => void applier.call("grown", { id, bytes }).catch(() => {}))
    const answer = await applying
    return { ...answer, diffID: parseDiffID(answer.diffID) }
  }

  async inherit(scope: Scope, key: string, parent: string, implied: readonly ImpliedDirectory[]): Promise<void> {
    if (implied.length === 0) return
    const target = await this.#snapshots.layerTarget(scope, key)
    const { layers } = await this.#snapshots.tree(scope, parent)
    await this.#idlest().call("inherit", { target, implied, lowerDirs: layers })
  }

  #idlest(): WorkerCalls<ApplyCalls> {
    return this.#appliers.reduce((least, each) => (each.busy < least.busy ? each : least))
  }

  async compare(
    scope: Scope,
    key: string,
    options: { readonly compression?: "none" | "gzip" | "zstd" } = {},
  ): Promise<{ readonly descriptor: Descriptor; readonly diffID: DiffID }> {
    const compression = options.compression ?? "none"
    let diffID: DiffID | undefined
    const pieces = this.#read(scope, key, "layer", compression)
    async function* bytes() {
      for await (const piece of pieces) {
        if ("bytes" in piece) yield piece.bytes
        else diffID = parseDiffID(piece.diffID)
      }
    }
    const labels = () => ({ "containerd.io/uncompressed": diffID! })
    const { digest, size } = await storeStream(scope, this.#content, bytes(), { labels })
    return { descriptor: { mediaType: layerTypes[compression], digest, size }, diffID: diffID! }
  }

  async changes(scope: Scope, key: string): Promise<readonly Change[]> {
    const tree = await this.#snapshots.tree(scope, key)
    using _ = this.#reader.hold()
    scope.signal?.throwIfAborted()
    const list = await this.#reader.call("openChanges", tree)
    const found: Change[] = []
    try {
      for (;;) {
        scope.signal?.throwIfAborted()
        const piece = await this.#reader.call("nextChanges", list)
        if (piece.length === 0) return found
        found.push(...piece)
      }
    } finally {
      await this.#reader.call("closeChanges", list).catch(() => {})
    }
  }

  async *tree(scope: Scope, key: string): AsyncGenerator<Uint8Array> {
    for await (const piece of this.#read(scope, key, "tree", "none")) if ("bytes" in piece) yield piece.bytes
  }

  async *#read(scope: Scope, key: string, what: "layer" | "tree", compression: "none" | "gzip" | "zstd") {
    const tree = await this.#snapshots.tree(scope, key)
    // Whoever reads may be slow: the thread must not be ended between two pieces.
    using _ = this.#reader.hold()
    const stream = await this.#reader.call("open", { what, tree, compression })
    try {
      for (;;) {
        scope.signal?.throwIfAborted()
        const piece = await this.#reader.call("next", stream)
        yield piece
        if ("diffID" in piece) return
      }
    } finally {
      await this.#reader.call("close", stream).catch(() => {})
    }
  }

  [Symbol.dispose](): void {
    for (const applier of this.#appliers) applier[Symbol.dispose]()
    this.#reader[Symbol.dispose]()
  }
}
