import { read } from "node:fs"
import { promisify } from "node:util"
import type { LogFiles, LogPosition, OutputChunk, OutputStream } from "./contract.ts"
import { decodeCri, decodeJson } from "./decode.ts"
import { frameKinds, headerLength, maxPayload, overhead, readHeader } from "./frame.ts"
import { LineSplitter, type LogLine } from "./line-splitter.ts"
import { lossMessage } from "./loss-message.ts"
import { type Segment, Segments } from "./segments.ts"
import { encodedTail, type FrameStart, framedTail } from "./tail.ts"

export interface ReadLogOptions {
  readonly log: LogFiles
  /** From here on: a position that a writer or an attach stream told. */
  readonly from?: LogPosition
  /** Up to here; the end at the time of the call when absent. */
  readonly to?: LogPosition
  /** Lines that ended at this time or later; nanoseconds since the epoch. */
  readonly since?: bigint
  /** Lines that ended at this time or before. */
  readonly until?: bigint
  /** Only the last so many lines, both streams together. */
  readonly tail?: number
  readonly signal?: AbortSignal
}

/**
 * A task's output in pieces of any size as they came: the fastest way when neither lines nor times matter. `tail` and
 * the positions are exact; `since` and `until` go by pieces.
 */
export async function* readChunks(options: ReadLogOptions): AsyncGenerator<readonly OutputChunk[]> {
  using segments = Segments.open(options.log)
  for await (const batch of entries(segments, options)) {
    const kept = batch.filter((chunk) => isWithin(chunk.at, options))
    if (kept.length > 0) yield kept
    if (options.until !== undefined && batch.some((chunk) => chunk.at > options.until!)) return
  }
}

/**
 * A task's lines in the order of their ends, in batches. With a `splitter` what has not ended stays in it, for the output
 * that follows; otherwise it comes as partial lines at the end.
 */
export async function* readLines(options: ReadLogOptions, splitter?: LineSplitter): AsyncGenerator<readonly LogLine[]> {
  using segments = Segments.open(options.log)
  const cut = splitter ?? new LineSplitter()
  for await (const batch of entries(segments, options)) {
    const lines: LogLine[] = []
    for (const chunk of batch) {
      if (options.until !== undefined && chunk.at > options.until) {
        if (lines.length > 0) yield lines
        return
      }
      if (options.since !== undefined && chunk.at < options.since) keepUnended(cut, chunk)
      else cut.split(chunk, lines)
    }
    if (lines.length > 0) yield lines
  }
  const rest = splitter ? [] : cut.rest().filter((line) => isWithin(line.at, options))
  if (rest.length > 0) yield rest
}

const isWithin = (at: bigint, { since, until }: ReadLogOptions): boolean =>
  !(since !== undefined && at < since) && !(until !== undefined && at > until)

/** Keeps, of a chunk that is too old, the beginning of a line that ends later. */
function keepUnended(splitter: LineSplitter, chunk: OutputChunk): void {
  const newline = chunk.bytes.lastIndexOf(10)
  if (newline >= 0) splitter.drop(chunk.stream)
  if (newline + 1 < chunk.bytes.length) splitter.split({ ...chunk, bytes: chunk.bytes.subarray(newline + 1) }, [])
}

async function* entries(segments: Segments, options: ReadLogOptions): AsyncGenerator<readonly OutputChunk[]> {
  const parts = segments.between(options.from, options.to)
  if (options.log.format === "framed") {
    const starts = options.tail === undefined ? {} : await framedTail(parts, options.tail)
    for (const segment of parts) {
      if (!mayHold(segment, starts)) continue
      yield* framedEntries(segment, starts, options.signal)
    }
    return
  }
  const start = options.tail === undefined ? { index: 0, offset: 0 } : await encodedTail(parts, options.tail)
  const decode = options.log.format === "cri" ? decodeCri : decodeJson
  for (const [index, segment] of parts.entries()) {
    if (index < start.index) continue
    const from = index === start.index ? Math.max(segment.start, start.offset) : segment.start
    yield* encodedEntries({ ...segment, start: from }, decode, options.signal)
  }
}

/** Whether anything of a file is within the tail. */
const mayHold = (segment: Segment, starts: Partial<Record<OutputStream, FrameStart>>): boolean =>
  !starts.stdout || !starts.stderr || segment.generation >= Math.min(starts.stdout.generation, starts.stderr.generation)

/** Bytes per read; a frame always fits. */
const blockSize = 1024 * 1024

const readAsync = promisify(read)

async function* framedEntries(
  segment: Segment,
  starts: Partial<Record<OutputStream, FrameStart>>,
  signal?: AbortSignal,
): AsyncGenerator<readonly OutputChunk[]> {
  let at = Math.max(segment.start, firstOffset(segment, starts))
  while (at < segment.end) {
    signal?.throwIfAborted()
    const block = await readBlock(segment, at)
    const chunks: OutputChunk[] = []
    let offset = 0
    for (;;) {
      const header = readHeader(block, offset)
      if (!header || offset + overhead + header.length > block.length) break
      const payload = block.subarray(offset + headerLength, offset + headerLength + header.length)
      if (header.kind === frameKinds.gap) chunks.push(gap(payload, header.at))
      else {
        const stream = header.kind === frameKinds.stdout ? "stdout" : "stderr"
        const skip = skipOf(starts[stream], segment.generation, at + offset)
        if (skip < payload.length) {
          chunks.push({ stream, at: header.at, bytes: skip > 0 ? payload.subarray(skip) : payload })
        }
      }
      offset += overhead + header.length
    }
    if (chunks.length > 0) yield chunks
    // A frame that is not whole is being written, or was torn: the file ends here for now.
    if (offset === 0) return
    at += offset
  }
}

const firstOffset = (segment: Segment, { stdout, stderr }: Partial<Record<OutputStream, FrameStart>>): number =>
  stdout?.generation === segment.generation && stderr?.generation === segment.generation
    ? Math.min(stdout.offset, stderr.offset)
    : 0

function skipOf(start: FrameStart | undefined, generation: number, offset: number): number {
  if (!start || generation > start.generation) return 0
  if (generation < start.generation || offset < start.offset) return maxPayload
  return offset === start.offset ? start.skip : 0
}

function gap(payload: Buffer, at: bigint): OutputChunk {
  const { bytes } = JSON.parse(payload.toString("utf8")) as { bytes: number }
  return { stream: "stderr", at, bytes: Buffer.from(lossMessage(bytes)) }
}

async function* encodedEntries(
  segment: Segment,
  decode: (entry: Buffer) => OutputChunk | undefined,
  signal?: AbortSignal,
): AsyncGenerator<readonly OutputChunk[]> {
  let at = segment.start
  while (at < segment.end) {
    signal?.throwIfAborted()
    const block = await readBlock(segment, at)
    const chunks: OutputChunk[] = []
    let offset = 0
    for (;;) {
      const newline = block.indexOf(10, offset)
      if (newline < 0) break
      const chunk = decode(block.subarray(offset, newline))
      if (chunk) chunks.push(chunk)
      offset = newline + 1
    }
    if (chunks.length > 0) yield chunks
    if (offset === 0) return
    at += offset
  }
}

async function readBlock(segment: Segment, at: number): Promise<Buffer> {
  const block = Buffer.allocUnsafeSlow(Math.min(blockSize, segment.end - at))
  const { bytesRead } = await readAsync(await segment.descriptor(), block, 0, block.length, at)
  return block.subarray(0, bytesRead)
}
