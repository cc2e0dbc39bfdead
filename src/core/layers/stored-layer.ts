import { copyFileSync, linkSync, readSync, rmSync } from "node:fs"
import { AT_FDCWD, closeDescriptor, openAt, openFlags } from "../../linux/files.ts"
import { nowNanos } from "../../std/clock.ts"
import { BeyondErofs } from "../../std/erofs/tree.ts"
import { TarParser } from "../../std/tar/parser.ts"
import type { LayerContents, LayerImage, LayerTarget } from "./contract.ts"
import { LayerIndexer } from "./index-layer.ts"
import { isAboutContents, onDisk, writeLayerImage } from "./layer-image.ts"
import { type Breathe, unpackInstead } from "./layer-sink.ts"

const chunkSize = 64 << 10
/** Chunks between two breaths. */
const atOnce = 128

/**
 * Makes an image of a plain archive that is stored and verified already. It is kept under a second name, on the disk once; of large
 * files in it nothing is read.
 * @param file a file of the content store; never changed
 */
export async function indexStored(
  file: string,
  target: LayerTarget,
  files: LayerImage,
  breathe: Breathe,
): Promise<LayerContents> {
  onDisk(() => keep(file, files.archive))
  try {
    const indexer = new LayerIndexer(nowNanos())
    const length = await index(files.archive, new TarParser(indexer), breathe)
    return writeLayerImage(files, indexer, length)
  } catch (error) {
    if (!isAboutContents(error)) throw error
    return await unpackInstead(target, files, breathe)
  }
}

function keep(file: string, archive: string): void {
  rmSync(archive, { force: true })
  try {
    linkSync(file, archive)
    return
  } catch (error) {
    // Another file system, or one with few names for a file.
    if (!["EXDEV", "EPERM", "EMLINK", "EOPNOTSUPP"].includes((error as { code?: string }).code ?? "")) throw error
  }
  copyFileSync(file, archive)
}

/** Reads the headers of an archive. @returns its length */
async function index(archive: string, parser: TarParser, breathe: Breathe): Promise<number> {
  const file = openAt(AT_FDCWD, archive, openFlags.readonly | openFlags.noFollow)
  try {
    const chunk = Buffer.allocUnsafe(chunkSize)
    let at = 0
    for (let pushed = 1; ; pushed++) {
      const length = readSync(file, chunk, 0, chunkSize, at)
      if (length === 0) break
      parser.push(chunk.subarray(0, length))
      at += length
      const passed = parser.passOver()
      if (passed > 0) at = behind(file, at + passed)
      if (pushed % atOnce === 0) await breathe(at)
    }
    parser.finish()
    return at
  } finally {
    closeDescriptor(file)
  }
}

/** `at`, when the file is so long that what was passed over is there. */
function behind(file: number, at: number): number {
  if (readSync(file, Buffer.alloc(1), 0, 1, at - 1) === 0) throw new BeyondErofs("an archive that is cut off")
  return at
}
