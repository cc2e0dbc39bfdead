import { createHash } from "node:crypto"
import { closeSync, createReadStream, openSync, readSync, statSync } from "node:fs"
import { setImmediate } from "node:timers/promises"
import { Failure } from "../../errors/failure.ts"
import { decompress, detectCompression, magicLength, peek } from "../../std/compression.ts"
import { type CallContext, serveCalls } from "../../std/worker-calls.ts"
import type { LayerTarget } from "../layers/contract.ts"
import { inheritAttributes } from "../layers/inherit.ts"
import { type Breathe, DirectorySink, ImageSink, type LayerSink, unpackArchive } from "../layers/layer-sink.ts"
import { indexStored } from "../layers/stored-layer.ts"
import type { AppliedBytes, ApplyCalls, ApplyRequest } from "./apply.ts"
import { GrowingFile } from "./growing-file.ts"

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
  inherit: ({ target, implied, lowerDirs }) => {
    inheritAttributes(target, implied, lowerDirs)
    return undefined
  },
})

const sinkFor = (target: LayerTarget): LayerSink =>
  target.image ? new ImageSink(target, target.image) : new DirectorySink(target)

async function applyGrowing(
  request: ApplyRequest,
  { id, size }: { readonly id: number; readonly size: number },
  context: CallContext,
): Promise<AppliedBytes> {
  using file = new GrowingFile()
  growing.set(id, file)
  try {
    using sink = sinkFor(request.target)
    const { compression, stream } = await peek(file.read(request.file, size, chunkSize, context.signal))
    return await applyStream(stream, context, compression, sink, mostOfUnverified)
  } finally {
    growing.delete(id)
  }
}

async function apply(request: ApplyRequest, context: CallContext): Promise<AppliedBytes> {
  const { target, file } = request
  const compression = compressionOf(file)
  // A plain layer's blob is the layer: its digest was verified when it was stored.
  const known = compression === "none" && request.digest.startsWith("sha256:") ? request.digest : undefined
  if (known) {
    const { size } = statSync(file)
    const resting: Breathe = (bytes = size) => breathe(context, bytes)
    const contents = target.image
      ? await indexStored(file, target, target.image, resting)
      : await unpackArchive(file, target, resting)
    return { diffID: known, size, ...contents }
  }
  using sink = sinkFor(target)
  return await applyStream(createReadStream(file, { highWaterMark: chunkSize }), context, compression, sink)
}

function compressionOf(file: string): ReturnType<typeof detectCompression> {
  const descriptor = openSync(file, "r")
  try {
    const head = Buffer.alloc(magicLength)
    readSync(descriptor, head, 0, magicLength, 0)
    return detectCompression(head)
  } finally {
    closeSync(descriptor)
  }
}

async function applyStream(
  blob: AsyncIterable<Uint8Array>,
  context: CallContext,
  compression: ReturnType<typeof detectCompression>,
  sink: LayerSink,
  most: (read: number) => number = () => Number.POSITIVE_INFINITY,
): Promise<AppliedBytes> {
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
    sink.push(bytes)
    size += bytes.length
    if (size > most(read)) throw new Failure("invalidArgument", `the layer has more than ${size} bytes in ${read}`)
    if (read - told < chunkSize) context.signal.throwIfAborted()
    else {
      told = read
      await breathe(context, read)
    }
  }
  const contents = await sink.finish(() => breathe(context, read))
  return { diffID: `sha256:${hash.digest("hex")}`, size, ...contents }
}

/** Lets messages in, among them the one to stop. */
async function breathe(context: CallContext, bytes: number): Promise<void> {
  context.progress(bytes)
  await setImmediate()
  if (context.signal.aborted) throw new Failure("cancelled", "unpacking was cancelled")
}
