import { Failure } from "../../errors/failure.ts"
import { type Descriptor, mediaTypes } from "../../oci/descriptor.ts"
import { type DiffID, parseDiffID } from "../../oci/digest.ts"
import { WorkerCalls } from "../../std/worker-calls.ts"
import type { ContentStore } from "../content/contract.ts"
import { storeStream } from "../content/store-stream.ts"
import type { Scope } from "../scope.ts"
import type { Snapshotter } from "../snapshots/contract.ts"
import type { ApplyCalls } from "./apply.ts"
import type { Change, Differ } from "./contract.ts"
import type { ReadCalls } from "./read.ts"

/** How many layers are unpacked at the same moment: more only compete for the disk. */
const appliedAtOnce = 2

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
  readonly #reader = new WorkerCalls<ReadCalls>("core/diff/read")

  constructor(options: { readonly content: ContentStore; readonly snapshots: Snapshotter }) {
    this.#content = options.content
    this.#snapshots = options.snapshots
    this.#appliers = Array.from({ length: appliedAtOnce }, () => new WorkerCalls<ApplyCalls>("core/diff/apply"))
  }

  async apply(
    scope: Scope,
    layer: Descriptor,
    key: string,
    progress?: (bytes: number) => void,
  ): Promise<{ readonly diffID: DiffID; readonly size: number }> {
    const info = await this.#snapshots.stat(scope, key)
    if (info.kind !== "active") throw new Failure("invalidArgument", `snapshot ${key} is not active`)
    const file = await this.#content.path(scope, layer.digest)
    const target = await this.#snapshots.layerTarget(scope, key)
    const applier = this.#appliers.reduce((least, each) => (each.busy < least.busy ? each : least))
    const answer = await applier.call(
      "apply",
      { file, digest: layer.digest, target },
      { ...(scope.signal ? { signal: scope.signal } : {}), ...(progress ? { progress } : {}) },
    )
    return { diffID: parseDiffID(answer.diffID), size: answer.size }
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
    return await this.#reader.call("changes", tree, scope.signal ? { signal: scope.signal } : {})
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
