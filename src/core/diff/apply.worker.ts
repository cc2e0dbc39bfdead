import { createHash } from "node:crypto"
import { closeSync, createReadStream, openSync, readSync } from "node:fs"
import { setImmediate } from "node:timers/promises"
import { Failure } from "../../errors/failure.ts"
import { decompress, detectCompression, magicLength, peek } from "../../std/compression.ts"
import { TarParser } from "../../std/tar/parser.ts"
import { type CallContext, serveCalls } from "../../std/worker-calls.ts"
import type { ApplyCalls, ApplyRequest } from "./apply.ts"
import { LayerExtractor } from "./extract.ts"
import { GrowingFile } from "./growing-file.ts"
import { inheritAttributes } from "./inherit.ts"

const chunkSize = 1 << 20

/**
 * Bytes that may be unpacked of so many that nobody has verified yet: a few that come from anywhere must not fill the disk. A layer
 * that really is so large is unpacked when all of it is there and right.
 */
const mostOfUnverified = (read: number): number => Math.max(256 << 20, 100 * read)

/** Blobs on their way, while they are unpacked. */
const growing = new Map<number, GrowingFile>()

serveCalls<ApplyCalls>({
  apply: (request, context) =>
    request.growing ? applyGrowing(request, request.growing, context) : apply(request, context),
  grown: ({ id, bytes }) => {
    growing.get(id)?.grown(bytes)
    return undefined
  },
  inherit: ({ directory, implied, lowerDirs }) => {
    inheritAttributes(directory, implied, lowerDirs)
    return undefined
  },
})

async function applyGrowing(
  request: ApplyRequest,
  { id, size }: { readonly id: number; readonly size: number },
  context: CallContext,
): Promise<ApplyCalls["apply"]["answer"]> {
  const file = new GrowingFile()
  growing.set(id, file)
  try {
    using extractor = new LayerExtractor(request.target)
    const { compression, stream } = await peek(file.read(request.file, size, chunkSize, context.signal))
    return await applyStream(stream, context, compression, extractor, mostOfUnverified)
  } finally {
    growing.delete(id)
  }
}

async function apply(request: ApplyRequest, context: CallContext): Promise<ApplyCalls["apply"]["answer"]> {
  using extractor = new LayerExtractor(request.target)
  const file = openSync(request.file, "r")
  let compression: ReturnType<typeof detectCompression>
  try {
    const head = Buffer.alloc(magicLength)
    readSync(file, head, 0, magicLength, 0)
    compression = detectCompression(head)
    if (compression !== "none") {
      const source = createReadStream(request.file, { highWaterMark: chunkSize })
      return await applyStream(source, context, compression, extractor)
    }
    const parser = new TarParser(extractor)
    // A plain layer's blob is the layer: its digest was verified when it was stored.
    const known = request.digest.startsWith("sha256:") ? request.digest : undefined
    const hash = known ? undefined : createHash("sha256")
    const chunk = Buffer.allocUnsafe(chunkSize)
    let size = 0
    for (;;) {
      const length = readSync(file, chunk, 0, chunkSize, null)
      if (length === 0) break
      const bytes = chunk.subarray(0, length)
      hash?.update(bytes)
      parser.push(bytes)
      size += length
      if (size % (8 * chunkSize) < chunkSize) await breathe(context, size)
    }
    parser.finish()
    extractor.finish()
    return { diffID: known ?? `sha256:${hash!.digest("hex")}`, size, implied: extractor.implied }
  } finally {
    closeSync(file)
  }
}

async function applyStream(
  blob: AsyncIterable<Uint8Array>,
  context: CallContext,
  compression: ReturnType<typeof detectCompression>,
  extractor: LayerExtractor,
  most: (read: number) => number = () => Number.POSITIVE_INFINITY,
): Promise<ApplyCalls["apply"]["answer"]> {
  const parser = new TarParser(extractor)
  let read = 0
  async function* source() {
    for await (const chunk of blob) {
      read += chunk.length
      yield chunk
    }
  }
  const hash = createHash("sha256")
  let size = 0
  let told = 0
  for await (const bytes of decompress(source(), compression)) {
    hash.update(bytes)
    parser.push(bytes)
    size += bytes.length
    if (size > most(read)) throw new Failure("invalidArgument", `the layer has more than ${size} bytes in ${read}`)
    if (read - told < chunkSize) context.signal.throwIfAborted()
    else {
      told = read
      await breathe(context, read)
    }
  }
  parser.finish()
  extractor.finish()
  return { diffID: `sha256:${hash.digest("hex")}`, size, implied: extractor.implied }
}

/** Lets messages in, among them the one to stop. */
async function breathe(context: CallContext, bytes: number): Promise<void> {
  context.progress(bytes)
  await setImmediate()
  if (context.signal.aborted) throw new Failure("cancelled", "unpacking was cancelled")
}
