import { createHash } from "node:crypto"
import { Failure } from "../../errors/failure.ts"
import { compress } from "../../std/compression.ts"
import { serveCalls } from "../../std/worker-calls.ts"
import type { SnapshotTree } from "../snapshots/contract.ts"
import type { Change } from "./contract.ts"
import { gathered } from "./gathered.ts"
import type { ReadCalls, ReadPiece } from "./read.ts"
import { layerTar, treeTar } from "./tar-stream.ts"
import { TreeComparison } from "./walk.ts"

/** How many changes go into one message: few enough to be taken in within a few milliseconds. */
const changesAtOnce = 1000

const lists = new Map<number, Iterator<readonly Change[]>>()
const streams = new Map<number, AsyncGenerator<ReadPiece>>()
let opened = 0

serveCalls<ReadCalls>({
  openChanges: (tree) => {
    const number = ++opened
    lists.set(number, inPieces(changes(tree)))
    return number
  },
  nextChanges: (number) => lists.get(number)?.next().value ?? [],
  closeChanges: (number) => {
    lists.delete(number)
    return null
  },
  open: ({ what, tree, compression }) => {
    const number = ++opened
    streams.set(number, pieces(what === "layer" ? layerTar(tree) : treeTar(tree.layers), compression))
    return number
  },
  next: async (number) => {
    const next = await streams.get(number)?.next()
    if (!next || next.done) throw new Failure("internal", "an archive was read beyond its end")
    return next.value
  },
  close: async (number) => {
    await streams.get(number)?.return(undefined)
    streams.delete(number)
    return null
  },
})

async function* pieces(tar: Generator<Uint8Array>, compression: "none" | "gzip" | "zstd"): AsyncGenerator<ReadPiece> {
  const hash = createHash("sha256")
  let size = 0
  async function* plain() {
    for (const bytes of gathered(tar)) {
      hash.update(bytes)
      size += bytes.length
      yield bytes
    }
  }
  for await (const bytes of compress(plain(), compression)) yield { bytes }
  yield { diffID: `sha256:${hash.digest("hex")}`, size }
}

function* inPieces(found: readonly Change[]): Generator<readonly Change[], undefined> {
  for (let at = 0; at < found.length; at += changesAtOnce) yield found.slice(at, at + changesAtOnce)
}

/** The differences as `docker diff` tells them: every directory above a difference is modified. */
function changes(tree: SnapshotTree): Change[] {
  const found = [...new TreeComparison(tree).differences()].map(
    ({ kind, path }): Change => ({ path: `/${path}`, kind: kind === "parent" ? "modified" : kind }),
  )
  return found.sort((one, other) => (one.path < other.path ? -1 : one.path > other.path ? 1 : 0))
}
