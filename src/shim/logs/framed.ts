import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs"
import type { LogPosition, OutputStream } from "../../logs/contract.ts"
import { compressedSuffix } from "../../logs/files-beside.ts"
import {
  encloseFrame,
  fileHeader,
  fileHeaderLength,
  frameKinds,
  generationOf,
  headerLength,
  overhead,
  readHeader,
  readTrailer,
  trailerLength,
} from "../../logs/frame.ts"
import { unpackedHead } from "../../logs/unpack.ts"
import { nowNanos } from "../../std/clock.ts"
import type { LogConfig } from "../contract.ts"
import { FileLog } from "./file-log.ts"
import { finishRotation } from "./rotating-file.ts"
import type { Leftover, LogTrouble } from "./writer.ts"

/** The log of raw chunks (see `frame.ts`). */
export class FramedLog extends FileLog {
  readonly unended = undefined

  constructor(config: LogConfig, trouble: LogTrouble, { mark }: Leftover = {}) {
    finishRotation(config.path)
    const generation = repair(config.path)
    const header = (number: number) => fileHeader(number, nowNanos())
    super({ ...config, header, generation, mark }, trouble)
  }

  override get position(): LogPosition {
    const { generation, offset } = super.position
    return { generation, offset: Math.max(offset, fileHeaderLength) }
  }

  write(
    stream: OutputStream,
    at: bigint,
    buffer: Buffer,
    start: number,
    length: number,
    advance?: (logged: number) => void,
  ): void {
    if (!this.losses.settle((lost) => this.markLoss(lost, at))) {
      this.losses.add(length)
      return
    }
    const most = this.file.room - fileHeaderLength - overhead
    if (length > most) {
      for (let done = 0; done < length; done += most) {
        const piece = Buffer.alloc(Math.min(most, length - done) + overhead)
        buffer.copy(piece, headerLength, start + done, start + done + piece.length - overhead)
        this.#append(stream, at, piece, headerLength, piece.length - overhead)
        advance?.(done + piece.length - overhead)
      }
      return
    }
    this.#append(stream, at, buffer, start, length)
    advance?.(length)
  }

  flush(): void {}

  #append(stream: OutputStream, at: bigint, buffer: Buffer, start: number, length: number): void {
    encloseFrame(buffer, start, length, frameKinds[stream], at)
    this.losses.attempt(length, () => this.file.append(buffer, start - headerLength, length + overhead))
  }

  protected markLoss(lost: number, at: bigint): void {
    const payload = Buffer.from(JSON.stringify({ bytes: lost }))
    const frame = Buffer.concat([Buffer.alloc(headerLength), payload, Buffer.alloc(trailerLength)])
    encloseFrame(frame, headerLength, payload.length, frameKinds.gap, at)
    this.file.append(frame, 0, frame.length)
  }
}

/**
 * The generation of a file that has not begun yet: one more than that of the file rotated last, since a kill may have fallen between
 * the rotation and the new file's header.
 */
function generationAfterLast(path: string): number {
  for (const [name, headOf] of [
    [`${path}.1`, (descriptor: number) => readAt(descriptor, 0, fileHeaderLength)],
    [`${path}.1${compressedSuffix}`, (descriptor: number) => unpackedHead(descriptor, fileHeaderLength)],
  ] as const) {
    try {
      const descriptor = openSync(name, "r")
      try {
        const last = generationOf(headOf(descriptor))
        if (last !== undefined) return last + 1
      } finally {
        closeSync(descriptor)
      }
    } catch {
      // It is not there, or cannot be unpacked.
    }
  }
  return 0
}

/**
 * Makes a file that a crash left torn whole again: what arrived of its last frame becomes a frame of that length.
 * @returns the file's generation, or the one it is going to have
 */
export function repair(path: string): number {
  let descriptor: number
  try {
    descriptor = openSync(path, "r+")
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return generationAfterLast(path)
    throw error
  }
  try {
    const size = fstatSync(descriptor).size
    const first = readAt(descriptor, 0, fileHeaderLength)
    const generation = generationOf(first)
    if (generation === undefined) {
      ftruncateSync(descriptor, 0)
      return generationAfterLast(path)
    }
    if (size > fileHeaderLength && !endsWhole(descriptor, size)) mend(descriptor, size)
    return generation
  } finally {
    closeSync(descriptor)
  }
}

function endsWhole(descriptor: number, size: number): boolean {
  const length = readTrailer(readAt(descriptor, size - trailerLength, trailerLength), 0)
  if (length === undefined || size < fileHeaderLength + overhead + length) return false
  const header = readHeader(readAt(descriptor, size - length - overhead, headerLength), 0)
  return header?.length === length
}

function mend(descriptor: number, size: number): void {
  let at = fileHeaderLength
  for (;;) {
    const header = readHeader(readAt(descriptor, at, headerLength), 0)
    if (!header) break
    if (at + overhead + header.length <= size) {
      at += overhead + header.length
      continue
    }
    const length = Math.min(size - at - headerLength, header.length)
    if (length > 0) {
      const frame = Buffer.alloc(length + overhead)
      readAt(descriptor, at + headerLength, length).copy(frame, headerLength)
      encloseFrame(frame, headerLength, length, header.kind, header.at)
      writeSync(descriptor, frame, 0, frame.length, at)
      at += frame.length
    }
    break
  }
  ftruncateSync(descriptor, at)
}

/** Up to `length` bytes at `offset`. */
function readAt(descriptor: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, readSync(descriptor, bytes, 0, length, offset))
}
