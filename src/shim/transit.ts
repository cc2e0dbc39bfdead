import { movePiped, readNow, waitingBytes, wouldBlock } from "../linux/descriptor.ts"
import type { OutputStream } from "../logs/contract.ts"
import { type LogMark, margin, maxChunk } from "./logs/writer.ts"

/** Bytes before the output's own. */
const headerSize = 4096

/** Bytes of the memory that a {@link Transit} is in. */
export const transitSize = headerSize + maxChunk + margin

/** What is on its way, and into which log. */
export interface Step {
  /** The process, by `keyOf`. */
  readonly key: string
  readonly stream: OutputStream
  /** When it was read; nanoseconds since the epoch. */
  readonly at: bigint
  /** The end of the log before it. */
  readonly mark: LogMark
}

/** A step that a shim was killed over. Its bytes are in the transit's buffer. */
export interface UnfinishedStep extends Step {
  /** Grows with every step. */
  readonly sequence: number
  readonly length: number
  /** So many of the bytes are in the log before `mark`. */
  readonly logged: number
}

const offsets = {
  isOpen: 0,
  chosenMark: 4,
  length: 8,
  stream: 12,
  sequence: 16,
  at: 24,
  marks: 32,
  keyLength: 128,
  key: 132,
}
const markSize = 32

/**
 * The way of output from a process's pipe into its log, in memory that outlives this process, so that a kill at any moment
 * neither loses nor doubles a byte. A step is noted with the end of the log before it is begun. The bytes are then moved
 * into a pipe of our own, where only we take any; read into the memory; and written. The next shim finds them in one of the two, cuts the log
 * where the step had begun, and writes them once more. A step is over with one store of four bytes.
 *
 * From a terminal bytes cannot be moved: those of a read that a kill falls into are lost.
 */
export class Transit {
  /** Where output is read to, from {@link margin} on: one place for all, since a piece is passed on before the next is read. */
  readonly buffer: Buffer
  readonly #payload: Buffer
  readonly #memory: Buffer
  readonly #reader: number
  readonly #writer: number
  #sequence: number

  /** @param memory of {@link transitSize} bytes @param staging a pipe, non-blocking for reading; both stay the caller's */
  constructor(memory: Buffer, staging: { readonly reader: number; readonly writer: number }) {
    this.#memory = memory
    this.#reader = staging.reader
    this.#writer = staging.writer
    this.buffer = memory.subarray(headerSize - margin, headerSize + maxChunk + margin)
    this.#payload = memory.subarray(headerSize, headerSize + maxChunk)
    // Beyond those of every earlier shim, whose memory may be lost.
    this.#sequence = Date.now() * 1000
  }

  /** Of the step under way, or the last one. */
  get sequence(): number {
    return this.#sequence
  }

  /** Begins a step. Nothing may be written to the log in between, and no other step begun. */
  begin({ key, stream, at, mark }: Step): void {
    const memory = this.#memory
    this.#sequence++
    memory.writeDoubleLE(this.#sequence, offsets.sequence)
    memory.writeUInt32LE(0, offsets.length)
    memory.writeUInt32LE(stream === "stderr" ? 1 : 0, offsets.stream)
    memory.writeBigUInt64LE(at, offsets.at)
    memory.writeUInt32LE(memory.write(key, offsets.key, "latin1"), offsets.keyLength)
    this.#writeMark(0, 0, mark)
    memory.writeUInt32LE(0, offsets.chosenMark)
    memory.writeUInt32LE(1, offsets.isOpen)
  }

  /**
   * Takes up to `most` bytes from a pipe into {@link buffer}.
   * @returns as `readNow`
   */
  takePiped(descriptor: number, most = maxChunk): number {
    const moved = movePiped(descriptor, this.#writer, Math.min(most, maxChunk))
    if (moved <= 0) return moved
    this.#memory.writeUInt32LE(moved, offsets.length)
    return this.#readStaged(moved)
  }

  /**
   * Takes bytes from any descriptor into {@link buffer}.
   * @returns as `readNow` @throws SystemError
   */
  takeRead(descriptor: number): number {
    const length = readNow(descriptor, this.#payload)
    if (length > 0) this.#memory.writeUInt32LE(length, offsets.length)
    return length
  }

  /** So many of the step's bytes are in the log, whose end is now `mark`. */
  advance(logged: number, mark: LogMark): void {
    const other = 1 - this.#memory.readUInt32LE(offsets.chosenMark)
    this.#writeMark(other, logged, mark)
    this.#memory.writeUInt32LE(other, offsets.chosenMark)
  }

  /** The step is over: its bytes are in the log, or there were none. */
  end(): void {
    this.#memory.writeUInt32LE(0, offsets.isOpen)
  }

  /** What an earlier shim left; it stays unfinished until {@link end}. */
  unfinished(): UnfinishedStep | undefined {
    const memory = this.#memory
    if (memory.readUInt32LE(offsets.isOpen) === 0) return undefined
    const staged = waitingBytes(this.#reader)
    if (staged > 0) {
      memory.writeUInt32LE(staged, offsets.length)
      this.#readStaged(staged)
    }
    this.#sequence = memory.readDoubleLE(offsets.sequence)
    const at = offsets.marks + markSize * memory.readUInt32LE(offsets.chosenMark)
    return {
      key: memory.toString("latin1", offsets.key, offsets.key + memory.readUInt32LE(offsets.keyLength)),
      stream: memory.readUInt32LE(offsets.stream) === 1 ? "stderr" : "stdout",
      at: memory.readBigUInt64LE(offsets.at),
      sequence: this.#sequence,
      length: memory.readUInt32LE(offsets.length),
      logged: memory.readDoubleLE(at),
      mark: {
        generation: memory.readDoubleLE(at + 8),
        offset: memory.readDoubleLE(at + 16),
        inode: memory.readDoubleLE(at + 24),
      },
    }
  }

  #readStaged(length: number): number {
    const read = readNow(this.#reader, this.#payload.subarray(0, length))
    if (read !== length)
      throw new Error(`${read === wouldBlock ? 0 : read} of ${length} bytes were in the staging pipe`)
    return read
  }

  #writeMark(number: number, logged: number, { generation, offset, inode }: LogMark): void {
    const at = offsets.marks + markSize * number
    this.#memory.writeDoubleLE(logged, at)
    this.#memory.writeDoubleLE(generation, at + 8)
    this.#memory.writeDoubleLE(offset, at + 16)
    this.#memory.writeDoubleLE(inode, at + 24)
  }
}
