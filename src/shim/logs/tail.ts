import { readSync } from "node:fs"
import type { OutputStream } from "../contract.ts"
import { frameKinds, headerLength, overhead, readHeader, readTrailer, trailerLength } from "./frame.ts"
import type { Segment } from "./segments.ts"

/** From which byte of which frame on a stream's output belongs to the tail. */
export interface FrameStart {
  readonly generation: number
  /** Of the frame within its file. */
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
export function framedTail(segments: readonly Segment[], count: number): Partial<Record<OutputStream, FrameStart>> {
  const found: Partial<Record<OutputStream, FrameStart>> = {}
  const begun = { stdout: false, stderr: false }
  let ends = 0
  let beyond = 0
  for (const { frame, generation } of backwards(segments)) {
    if (frame.kind === frameKinds.gap) continue
    const stream = frame.kind === frameKinds.stdout ? "stdout" : "stderr"
    if (ends > count) {
      beyond += frame.payload.length
      if (beyond > farthest) {
        found.stdout ??= { generation, offset: frame.offset, skip: 0 }
        found.stderr ??= { generation, offset: frame.offset, skip: 0 }
        break
      }
    }
    if (found[stream]) continue
    let to = frame.payload.length
    if (!begun[stream] && to > 0) {
      begun[stream] = true
      // The end of the stream is the end of a line, with its newline or without.
      ends++
      if (frame.payload[to - 1] === 10) to--
      if (ends > count) {
        found[stream] = { generation, offset: frame.offset, skip: frame.payload.length }
        if (found.stdout && found.stderr) break
        continue
      }
    }
    while (to > 0) {
      const newline = frame.payload.lastIndexOf(10, to - 1)
      if (newline < 0) break
      if (ends < count) {
        ends++
        to = newline
        continue
      }
      ends = count + 1
      found[stream] = { generation, offset: frame.offset, skip: newline + 1 }
      break
    }
    if (found.stdout && found.stderr) break
  }
  return found
}

interface WholeFrame {
  readonly kind: number
  readonly offset: number
  readonly payload: Buffer
}

function* backwards(segments: readonly Segment[]): Generator<{ frame: WholeFrame; generation: number }> {
  for (const segment of segments.toReversed()) {
    const window = new BackwardWindow(segment.descriptor)
    let end = segment.end
    while (end >= segment.start + overhead) {
      const length = readTrailer(window.bytes(end - trailerLength, trailerLength), 0)
      if (length === undefined || end - overhead - length < segment.start) break
      const offset = end - overhead - length
      const bytes = window.bytes(offset, length + headerLength)
      const header = readHeader(bytes, 0)
      if (!header) break
      yield {
        frame: { kind: header.kind, offset, payload: bytes.subarray(headerLength) },
        generation: segment.generation,
      }
      end = offset
    }
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
export function encodedTail(segments: readonly Segment[], count: number): { index: number; offset: number } {
  let left = count
  for (let index = segments.length - 1; index >= 0; index--) {
    const segment = segments[index]!
    const window = new BackwardWindow(segment.descriptor)
    let end = segment.end
    if (left === 0) return { index, offset: end }
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
