import { randomBytes } from "node:crypto"
import { renameSync, writeFileSync } from "node:fs"
import { Failure, isKind } from "../../errors/failure.ts"
import { lackOfRoom, roomAdvice } from "../../errors/no-room.ts"
import { encodeErofs } from "../../std/erofs/image.ts"
import { BeyondErofs } from "../../std/erofs/tree.ts"
import type { LayerContents, LayerImage } from "./contract.ts"
import type { LayerIndexer } from "./index-layer.ts"

/** Whether an error is about what is in the layer, so that the extractor has to see it. */
export const isAboutContents = (error: unknown): boolean =>
  error instanceof BeyondErofs || (error instanceof Failure && error.kind === "invalidArgument")

/**
 * Writes the image of a layer whose archive is there. It appears when it is complete.
 * @param length bytes of the archive
 * @throws BeyondErofs; noSpace
 */
export function writeLayerImage(files: LayerImage, indexer: LayerIndexer, length: number): LayerContents {
  const { bytes, inodeAt } = encodeErofs(indexer.root, { dataLength: length, uuid: randomBytes(16) })
  onDisk(() => {
    const unfinished = `${files.index}.new`
    writeFileSync(unfinished, bytes, { mode: 0o600 })
    renameSync(unfinished, files.index)
  })
  const { usage, implied } = indexer.contents()
  return { usage, implied: implied.map(({ path, node }) => ({ path, inodeAt: inodeAt(node) })) }
}

/** Runs what writes; a full disk is told as what to do. */
export function onDisk<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!isKind(error, "noSpace")) throw error
    throw new Failure("noSpace", `${lackOfRoom(error)} for the layer; ${roomAdvice(error)}`, error)
  }
}
