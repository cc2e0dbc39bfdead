import type { OutputChunk, OutputStream } from "./contract.ts"

/** A line as the process wrote it, its newline included. */
export interface LogLine {
  readonly stream: OutputStream
  /** When its end came; nanoseconds since the epoch. */
  readonly at: bigint
  readonly bytes: Buffer
  /** Without a newline at its end: a piece of a very long line, or the last thing written so far. */
  readonly partial: boolean
}

/** Longest piece of a line, in bytes. */
export const maxPiece = 64 * 1024

/** Cuts output into lines, each stream for itself; byte-exact. Keeps what has not ended between calls. */
export class LineSplitter {
  readonly #unended: Record<OutputStream, { parts: Buffer[]; length: number; at: bigint }> = {
    stdout: { parts: [], length: 0, at: 0n },
    stderr: { parts: [], length: 0, at: 0n },
  }

  /** Adds a chunk's lines to `lines`. They share the chunk's memory. */
  split(chunk: OutputChunk, lines: LogLine[]): void {
    const { stream, at } = chunk
    const bytes = Buffer.from(chunk.bytes.buffer, chunk.bytes.byteOffset, chunk.bytes.length)
    let from = 0
    for (;;) {
      const found = bytes.indexOf(10, from)
      if (found < 0) break
      const line = this.#take(stream, bytes.subarray(from, found + 1))
      lines.push({ stream, at, bytes: line, partial: false })
      from = found + 1
    }
    const state = this.#unended[stream]
    while (bytes.length - from > 0) {
      const piece = bytes.subarray(from, Math.min(bytes.length, from + maxPiece - state.length))
      from += piece.length
      state.parts.push(piece)
      state.length += piece.length
      state.at = at
      if (state.length >= maxPiece) lines.push({ stream, at, bytes: this.#take(stream), partial: true })
    }
  }

  /** Whether the beginning of a line waits for its end. */
  get holdsBeginning(): boolean {
    return this.#unended.stdout.length > 0 || this.#unended.stderr.length > 0
  }

  /** Takes the lines that have not ended, as partial ones. */
  rest(): LogLine[] {
    return (["stdout", "stderr"] as const)
      .filter((stream) => this.#unended[stream].length > 0)
      .map((stream) => ({ stream, at: this.#unended[stream].at, bytes: this.#take(stream), partial: true }))
  }

  /** Forgets what has not ended of `stream`. */
  drop(stream: OutputStream): void {
    this.#take(stream)
  }

  #take(stream: OutputStream, end?: Buffer): Buffer {
    const state = this.#unended[stream]
    if (state.length === 0) return end ?? Buffer.alloc(0)
    const all = end ? [...state.parts, end] : state.parts
    const whole = all.length === 1 ? all[0]! : Buffer.concat(all)
    state.parts = []
    state.length = 0
    return whole
  }
}
