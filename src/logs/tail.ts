import { readSync } from "node:fs"
import type { OutputStream } from "./contract.ts"
import { frameKinds, headerLength, overhead, readHeader, readTrailer, trailerLength } from "./frame.ts"
import type { Segment } from "./segments.ts"

/** From which byte of which frame on a stream's output belongs to the tail. */
export interface FrameStart {
  readonly generation: number
  /** Where the frame begins in its file. */
  readonly offset: number
  /** Payload bytes before. */
  readonly skip: number
}

/** How far the other stream's unfinished line is followed back, in bytes. */
const farthest = 1024 * 1024

/**
 * Where the last `count` lines of a framed log begin, found from its end without reading the rest.
 * @returns per stream; absent when all of it belongs to the tail
 */
export async function framedTail(
  segments: readonly Segment[],
  count: number,
): Promise<Partial<Record<OutputStream, FrameStart>>> {
  const search = new FramedTail(count)
  for (const segment of segments.toReversed()) {
    // Files that the search does not come to are not opened: compressed ones would have to be unpacked.
    const descriptor = await segment.descriptor()
    for (const frame of backwards(segment, descriptor)) if (search.visit(frame, segment.generation)) return search.found
  }
  return search.found
}

/** Looks for the beginning of the tail, frame by frame from the end. */
class FramedTail {
  readonly found: Partial<Record<OutputStream, FrameStart>> = {}
  readonly #count: number
  readonly #begun = { stdout: false, stderr: false }
  #ends = 0
  #beyond = 0

  constructor(count: number) {
    this.#count = count
  }

  /** @returns whether the search is over */
  visit({ kind, offset, payload }: WholeFrame, generation: number): boolean {
    const { found } = this
    if (kind === frameKinds.gap) return false
    const stream = kind === frameKinds.stdout ? "stdout" : "stderr"
    if (this.#ends > this.#count) {
      this.#beyond += payload.length
      if (this.#beyond > farthest) {
        found.stdout ??= { generation, offset, skip: 0 }
        found.stderr ??= { generation, offset, skip: 0 }
        return true
      }
    }
    if (found[stream]) return false
    const skip = this.#skipIn(payload, stream)
    if (skip !== undefined) found[stream] = { generation, offset, skip }
    return found.stdout !== undefined && found.stderr !== undefined
  }

  /** How much of a frame comes before the tail; undefined when none of it does. */
  #skipIn(payload: Buffer, stream: OutputStream): number | undefined {
    let to = payload.length
    if (!this.#begun[stream] && to > 0) {
      this.#begun[stream] = true
      // The end of the stream is the end of a line, with its newline or without.
      this.#ends++
      if (payload[to - 1] === 10) to--
      if (this.#ends > this.#count) return payload.length
    }
    while (to > 0) {
      const newline = payload.lastIndexOf(10, to - 1)
      if (newline < 0) break
      if (this.#ends < this.#count) {
        this.#ends++
        to = newline
        continue
      }
      this.#ends = this.#count + 1
      return newline + 1
    }
    return undefined
  }
}

interface WholeFrame {
  readonly kind: number
  readonly offset: number
  readonly payload: Buffer
}

function* backwards(segment: Segment, descriptor: number): Generator<WholeFrame> {
  const window = new BackwardWindow(descriptor)
  let end = segment.end
  while (end >= segment.start + overhead) {
    const length = readTrailer(window.bytes(end - trailerLength, trailerLength), 0)
    if (length === undefined || end - overhead - length < segment.start) break
    const offset = end - overhead - length
    const bytes = window.bytes(offset, length + headerLength)
    const header = readHeader(bytes, 0)
    if (!header) break
    yield { kind: header.kind, offset, payload: bytes.subarray(headerLength) }
    end = offset
  }
}

/** Reads pieces of a file that come ever nearer to its beginning. */
export class BackwardWindow {
  readonly #descriptor: number
  #buffer: Buffer = Buffer.alloc(0)
  #start = 0

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  /** The `length` bytes at `offset`. */
  bytes(offset: number, length: number): Buffer {
    if (offset < this.#start || offset + length > this.#start + this.#buffer.length) {
      const size = Math.max(length, 512 * 1024)
      this.#start = Math.max(0, offset + length - size)
      const buffer = Buffer.alloc(offset + length - this.#start)
      this.#buffer = buffer.subarray(0, readSync(this.#descriptor, buffer, 0, buffer.length, this.#start))
    }
    return this.#buffer.subarray(offset - this.#start, offset - this.#start + length)
  }
}

/** Where the last `count` entries (lines of the file) begin. @returns the segment's index and an offset in it */
export async function encodedTail(
  segments: readonly Segment[],
  count: number,
): Promise<{ readonly index: number; readonly offset: number }> {
  let left = count
  for (let index = segments.length - 1; index >= 0; index--) {
    const segment = segments[index]!
    let end = segment.end
    if (left === 0) return { index, offset: end }
    const window = new BackwardWindow(await segment.descriptor())
    while (end > segment.start) {
      const from = Math.max(segment.start, end - 64 * 1024)
      const bytes = window.bytes(from, end - from)
      let at = bytes.length
      if (end === segment.end && bytes[at - 1] === 10) at--
      for (;;) {
        const newline = at > 0 ? bytes.lastIndexOf(10, at - 1) : -1
        if (newline < 0) break
        if (--left === 0) return { index, offset: from + newline + 1 }
        at = newline
      }
      end = from
    }
    if (segment.end > segment.start && --left === 0) return { index, offset: segment.start }
  }
  return { index: 0, offset: segments[0]?.start ?? 0 }
}
