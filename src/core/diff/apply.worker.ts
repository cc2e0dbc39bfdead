import { createHash } from "node:crypto"
import { closeSync, createReadStream, openSync, readSync } from "node:fs"
import { setImmediate } from "node:timers/promises"
import { Failure } from "../../errors/failure.ts"
import { decompress, detectCompression, magicLength } from "../../std/compression.ts"
import { TarParser } from "../../std/tar/parser.ts"
import { type CallContext, serveCalls } from "../../std/worker-calls.ts"
import type { ApplyCalls, ApplyRequest } from "./apply.ts"
import { LayerExtractor } from "./extract.ts"

const chunkSize = 1 << 20

serveCalls<ApplyCalls>({ apply })

async function apply(request: ApplyRequest, context: CallContext): Promise<ApplyCalls["apply"]["answer"]> {
  using extractor = new LayerExtractor(request.target)
  const parser = new TarParser(extractor)
  const file = openSync(request.file, "r")
  let compression: ReturnType<typeof detectCompression>
  try {
    const head = Buffer.alloc(magicLength)
    readSync(file, head, 0, magicLength, 0)
    compression = detectCompression(head)
    if (compression !== "none") return await applyStream(request, context, compression, extractor, parser)
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
    return { diffID: known ?? `sha256:${hash!.digest("hex")}`, size }
  } finally {
    closeSync(file)
  }
}

async function applyStream(
  request: ApplyRequest,
  context: CallContext,
  compression: ReturnType<typeof detectCompression>,
  extractor: LayerExtractor,
  parser: TarParser,
): Promise<ApplyCalls["apply"]["answer"]> {
  let read = 0
  async function* source() {
    for await (const chunk of createReadStream(request.file, { highWaterMark: chunkSize })) {
      read += (chunk as Buffer).length
      yield chunk as Buffer
    }
  }
  const hash = createHash("sha256")
  let size = 0
  let told = 0
  for await (const bytes of decompress(source(), compression)) {
    hash.update(bytes)
    parser.push(bytes)
    size += bytes.length
    if (read - told < chunkSize) context.signal.throwIfAborted()
    else {
      told = read
      await breathe(context, read)
    }
  }
  parser.finish()
  extractor.finish()
  return { diffID: `sha256:${hash.digest("hex")}`, size }
}

/** Lets messages in, among them the one to stop. */
async function breathe(context: CallContext, bytes: number): Promise<void> {
  context.progress(bytes)
  await setImmediate()
  if (context.signal.aborted) throw new Failure("cancelled", "unpacking was cancelled")
}
