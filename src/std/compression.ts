import { spawn } from "node:child_process"
import { once } from "node:events"
import { Readable, type Transform } from "node:stream"
import { pipeline } from "node:stream/promises"
import { createGunzip, createGzip, createZstdCompress, createZstdDecompress } from "node:zlib"
import { Failure } from "../errors/failure.ts"
import { ZstdFrames } from "./zstd-frames.ts"

export type Compression = "none" | "gzip" | "zstd" | "xz" | "bzip2"

/** Bytes that {@link detectCompression} wants to see. */
export const magicLength = 6

/** What `head`, the first bytes of a stream, says it is. */
export function detectCompression(head: Uint8Array): Compression {
  const starts = (...bytes: number[]) => bytes.every((byte, at) => head[at] === byte)
  if (starts(0x1f, 0x8b)) return "gzip"
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return "zstd"
  // A skippable frame may come first (RFC 8878, section 3.1.2).
  if ((head[0]! & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18) return "zstd"
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return "xz"
  if (starts(0x42, 0x5a, 0x68)) return "bzip2"
  return "none"
}

const chunkSize = 1 << 20

/**
 * Looks at the beginning of `source`. @returns the compression found and the whole stream, beginning included
 */
export async function peek(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly compression: Compression; readonly stream: AsyncIterable<Uint8Array> }> {
  const chunks = source[Symbol.asyncIterator]()
  const head: Uint8Array[] = []
  let length = 0
  let ended = false
  while (length < magicLength && !ended) {
    const next = await chunks.next()
    if (next.done) ended = true
    else {
      head.push(next.value)
      length += next.value.length
    }
  }
  async function* whole() {
    try {
      yield* head
      while (!ended) {
        const next = await chunks.next()
        if (next.done) ended = true
        else yield next.value
      }
    } finally {
      if (!ended) await chunks.return?.()
    }
  }
  return { compression: detectCompression(Buffer.concat(head)), stream: whole() }
}

/**
 * The uncompressed bytes of `source`. xz and bzip2 are left to the tools of these names.
 * @throws invalidArgument from the iteration when the stream is damaged or truncated, or a tool is missing
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  compression: Compression,
): AsyncGenerator<Uint8Array> {
  if (compression === "none") yield* source
  else if (compression === "gzip") yield* through(source, createGunzip({ chunkSize }), compression)
  else if (compression === "zstd") {
    const frames = new ZstdFrames()
    yield* through(followed(source, frames), createZstdDecompress({ chunkSize }), compression)
    if (!frames.complete) throw damaged(compression, undefined)
  } else yield* throughTool(source, compression)
}

async function* followed(source: AsyncIterable<Uint8Array>, frames: ZstdFrames): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    frames.push(chunk)
    yield chunk
  }
}

/**
 * `source` compressed; the same bytes give the same result, whatever pieces they come in.
 * @param options.level of gzip, 1 (fast) to 9 (small); 6 when absent
 */
export async function* compress(
  source: AsyncIterable<Uint8Array>,
  compression: "none" | "gzip" | "zstd",
  options: { readonly level?: number } = {},
): AsyncGenerator<Uint8Array> {
  if (compression === "none") {
    yield* source
    return
  }
  const transform = compression === "gzip" ? createGzip({ chunkSize, ...options }) : createZstdCompress({ chunkSize })
  yield* through(equalPieces(source), transform, "none")
}

/** The bytes of `source` in pieces of one size: what compressors make of bytes depends on the pieces. */
async function* equalPieces(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let piece = Buffer.allocUnsafe(chunkSize)
  let length = 0
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const taken = Math.min(chunkSize - length, chunk.length - at)
      piece.set(chunk.subarray(at, at + taken), length)
      at += taken
      length += taken
      if (length < chunkSize) continue
      yield piece
      piece = Buffer.allocUnsafe(chunkSize)
      length = 0
    }
  }
  if (length > 0) yield piece.subarray(0, length)
}

async function* through(
  source: AsyncIterable<Uint8Array>,
  transform: Transform,
  compression: Compression,
): AsyncGenerator<Uint8Array> {
  let sourceFailure: unknown
  async function* watched() {
    try {
      yield* source
    } catch (error) {
      sourceFailure = error
      throw error
    }
  }
  const flow = pipeline(Readable.from(watched(), { objectMode: false, highWaterMark: 4 * chunkSize }), transform)
  flow.catch(() => {})
  try {
    for await (const chunk of transform) yield chunk as Uint8Array
    await flow
  } catch (error) {
    if (sourceFailure) throw sourceFailure
    if (compression === "none") throw error
    throw damaged(compression, error)
  } finally {
    transform.destroy()
  }
}

const damaged = (compression: string, cause: unknown) =>
  new Failure("invalidArgument", `the ${compression} stream is damaged or truncated`, cause)

async function* throughTool(source: AsyncIterable<Uint8Array>, tool: "xz" | "bzip2"): AsyncGenerator<Uint8Array> {
  const child = spawn(tool, ["-d", "-c"], { stdio: ["pipe", "pipe", "ignore"] })
  const spawned = once(child, "spawn").catch((error: unknown) => {
    throw new Failure("invalidArgument", `the stream is compressed with ${tool}: install the program ${tool}`, error)
  })
  await spawned
  const exit = once(child, "exit") as Promise<[number | null]>
  const feed = pipeline(Readable.from(source, { objectMode: false }), child.stdin)
  let feedFailure: unknown
  feed.catch((error: unknown) => {
    // The tool stops reading when the stream is damaged: its exit tells.
    if ((error as { code?: string }).code !== "EPIPE") feedFailure = error
  })
  try {
    for await (const chunk of child.stdout) yield chunk as Uint8Array
    const [code] = await exit
    if (feedFailure) throw feedFailure
    if (code !== 0) throw damaged(tool, undefined)
  } finally {
    child.kill()
  }
}
