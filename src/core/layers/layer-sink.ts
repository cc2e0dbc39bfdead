import { closeSync, openSync, readSync, rmSync, unlinkSync } from "node:fs"
import { AT_FDCWD, closeDescriptor, openAt, openFlags, writeAll } from "../../linux/files.ts"
import { nowNanos } from "../../std/clock.ts"
import { TarParser } from "../../std/tar/parser.ts"
import type { LayerContents, LayerImage, LayerTarget } from "./contract.ts"
import { LayerExtractor } from "./extract.ts"
import { LayerIndexer } from "./index-layer.ts"
import { isAboutContents, onDisk, writeLayerImage } from "./layer-image.ts"

const chunkSize = 1 << 20

/** Lets messages in between two steps of long work, and tells how far it is. @throws cancelled */
export type Breathe = (bytes?: number) => Promise<void>

/** Where the bytes of a layer's archive go. */
export interface LayerSink extends Disposable {
  push(bytes: Uint8Array): void
  /** All bytes were there. @throws invalidArgument for a malformed or hostile archive */
  finish(breathe: Breathe): Promise<LayerContents>
}

/** Unpacks a layer as it comes. */
export class DirectorySink implements LayerSink {
  readonly #extractor: LayerExtractor
  readonly #parser: TarParser

  constructor(target: LayerTarget) {
    this.#extractor = new LayerExtractor(target)
    this.#parser = new TarParser(this.#extractor)
  }

  push(bytes: Uint8Array): void {
    this.#parser.push(bytes)
  }

  async finish(): Promise<LayerContents> {
    this.#parser.finish()
    this.#extractor.finish()
    return { implied: this.#extractor.implied.map((path) => ({ path })) }
  }

  [Symbol.dispose](): void {
    this.#extractor[Symbol.dispose]()
  }
}

/** Keeps a layer's archive as it comes, with an image that points into it; unpacks it afterwards where that cannot be. */
export class ImageSink implements LayerSink {
  readonly #target: LayerTarget
  readonly #files: LayerImage
  readonly #indexer = new LayerIndexer(nowNanos())
  readonly #parser = new TarParser(this.#indexer)
  readonly #archive: number
  #length = 0
  /** Whether the archive has to be unpacked. */
  #beyond = false

  constructor(target: LayerTarget, files: LayerImage) {
    this.#target = target
    this.#files = files
    // Never the file that is there: it could be a name of a stored blob.
    rmSync(files.archive, { force: true })
    const flags = openFlags.writeonly | openFlags.create | openFlags.exclusive
    this.#archive = openAt(AT_FDCWD, files.archive, flags, 0o600)
  }

  push(bytes: Uint8Array): void {
    // What follows the archive's end is nothing to keep, however much it is.
    if (this.#parser.ended) return
    onDisk(() => writeAll(this.#archive, bytes))
    this.#length += bytes.length
    if (!this.#beyond) this.#attempt(() => this.#parser.push(bytes))
  }

  async finish(breathe: Breathe): Promise<LayerContents> {
    let contents: LayerContents | undefined
    if (!this.#beyond) this.#attempt(() => this.#parser.finish())
    if (!this.#beyond) {
      this.#attempt(() => {
        contents = writeLayerImage(this.#files, this.#indexer, this.#length)
      })
    }
    return contents ?? (await unpackInstead(this.#target, this.#files, breathe))
  }

  [Symbol.dispose](): void {
    closeDescriptor(this.#archive)
  }

  #attempt(step: () => void): void {
    try {
      step()
    } catch (error) {
      if (!isAboutContents(error)) throw error
      this.#beyond = true
    }
  }
}

/** Unpacks an archive that cannot be pointed into, and lets it go. The extractor tells what is wrong with it, if anything. */
export async function unpackInstead(
  target: LayerTarget,
  { archive }: LayerImage,
  breathe: Breathe,
): Promise<LayerContents> {
  const contents = await unpackArchive(archive, target, breathe)
  unlinkSync(archive)
  return contents
}

/** Unpacks a plain archive. @throws invalidArgument for a malformed or hostile one */
export async function unpackArchive(archive: string, target: LayerTarget, breathe: Breathe): Promise<LayerContents> {
  using sink = new DirectorySink(target)
  const file = openSync(archive, "r")
  try {
    const chunk = Buffer.allocUnsafe(chunkSize)
    let size = 0
    for (let pushed = 1; ; pushed++) {
      const length = readSync(file, chunk, 0, chunkSize, null)
      if (length === 0) break
      sink.push(chunk.subarray(0, length))
      size += length
      if (pushed % 8 === 0) await breathe(size)
    }
  } finally {
    closeSync(file)
  }
  return await sink.finish()
}
