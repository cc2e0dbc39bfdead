import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { dirname } from "node:path"
import { kindOf } from "../../errors/failure.ts"
import type { LogPosition } from "../../logs/contract.ts"
import { fileBeside } from "../../logs/files-beside.ts"
import { Compressor } from "./compressor.ts"
import type { LogMark } from "./writer.ts"

export interface RotatingFileOptions {
  readonly path: string
  /** Bytes; 0 for no limit. */
  readonly maxSize: number
  /** The current file included. */
  readonly maxFiles: number
  /** Whether rotated files are compressed. */
  readonly compress?: boolean
  /** The first bytes of every new file. */
  readonly header?: (generation: number) => Buffer
  /** The generation of the file that is there, or 0. */
  readonly generation: number
  /** The end that counts, when a writer was killed over an append: what is behind it goes. */
  readonly mark?: LogMark | undefined
}

/** Room for a header and something besides, however small a file is to be; in bytes. */
const smallestRoom = 256

/**
 * An append-only file with rotation: `path` is the newest, `path.1` the one before, and so on. An append is whole or does
 * not happen. The generation counts rotations and never goes back. The descriptor of a file that nobody writes to can be
 * given up by {@link rest}; the next append opens the file again.
 */
export class RotatingFile {
  readonly #options: RotatingFileOptions
  #descriptor: number | undefined
  #written = false
  #size = 0
  #generation: number
  #inode = 0
  readonly #compressor: Compressor | undefined

  constructor(options: RotatingFileOptions) {
    this.#options = options
    this.#generation = options.generation
    this.#begin()
    this.#compressor = options.compress ? new Compressor(options.path, options.maxFiles) : undefined
  }

  /** On a full disk a file that is not there yet is opened by the first append that finds room. @throws when it cannot be opened */
  #begin(): void {
    const { path, mark } = this.#options
    mkdirSync(dirname(path), { recursive: true })
    finishRotation(path)
    try {
      this.#descriptor = openAppend(path)
    } catch (error) {
      if (kindOf(error) !== "noSpace") throw error
      return
    }
    const { size, ino } = fstatSync(this.#descriptor)
    this.#size = size
    this.#inode = ino
    if (mark) this.#rewind(this.#descriptor, mark)
  }

  /** Where the next append begins, if it does not rotate. */
  get position(): LogPosition {
    return { generation: this.#generation, offset: this.#size }
  }

  /** The end of the file that the next append goes to, which is opened for that. */
  mark(): LogMark {
    try {
      if (this.#descriptor === undefined) this.#open()
    } catch {
      // The append will fail too, and tell why.
    }
    return { ...this.position, inode: this.#inode }
  }

  /** Most bytes of one append, the header included: what a file may hold, but at least {@link smallestRoom}. */
  get room(): number {
    return this.#options.maxSize > 0 ? Math.max(this.#options.maxSize, smallestRoom) : Number.POSITIVE_INFINITY
  }

  /**
   * Appends `length` bytes of `buffer` from `start`, after a rotation when they would not fit.
   * @throws what the file system says (ENOSPC, EDQUOT, EIO, …); then nothing of them is in the file
   */
  append(buffer: Uint8Array, start: number, length: number): void {
    const { maxSize, header } = this.#options
    const headerLength = header ? header(0).length : 0
    if (maxSize > 0 && this.#size > headerLength && this.#size + length > maxSize) this.#rotate()
    const descriptor = this.#descriptor ?? this.#open()
    if (this.#size === 0 && header) {
      const bytes = header(this.#generation)
      this.#write(descriptor, bytes, 0, bytes.length)
    }
    this.#write(descriptor, buffer, start, length)
    this.#written = true
  }

  /** Opens the file anew by its name: somebody may have moved it away. */
  reopen(): void {
    this.#open()
  }

  /** Gives the descriptor up when nothing has been written since the last call. */
  rest(): void {
    if (!this.#written) this.#closeFile()
    this.#written = false
  }

  close(): void {
    this.#compressor?.stop()
    this.#closeFile()
  }

  /** The file of that name, which may not be the one that was written to before. */
  #open(): number {
    const descriptor = openAppend(this.#options.path)
    this.#closeFile()
    this.#descriptor = descriptor
    const { size, ino } = fstatSync(descriptor)
    this.#inode = ino
    if (size !== this.#size) this.#setGeneration(this.#generation + 1)
    this.#size = size
    return descriptor
  }

  #closeFile(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }

  #write(descriptor: number, buffer: Uint8Array, start: number, length: number): void {
    const before = this.#size
    let done = 0
    try {
      while (done < length) done += writeSync(descriptor, buffer, start + done, length - done)
      this.#size = before + length
    } catch (error) {
      if (done > 0) ftruncateSync(descriptor, before)
      throw error
    }
  }

  /** Cuts off the append after `mark`, which may have begun with a rotation. */
  #rewind(descriptor: number, { generation, offset, inode }: LogMark): void {
    const isRotated = inode !== this.#inode
    const end = isRotated ? 0 : offset
    if (this.#size > end) ftruncateSync(descriptor, end)
    this.#size = Math.min(this.#size, end)
    this.#setGeneration(isRotated ? generation + 1 : generation)
  }

  /** The new file exists before the old ones move, so that a failure leaves everything as it was. */
  #rotate(): void {
    const { path, maxFiles } = this.#options
    const next = fileBeside(path, "next")
    const descriptor = openAppend(next)
    try {
      this.#compressor?.shift()
      for (let number = this.#compressor ? Math.min(1, maxFiles - 1) : maxFiles - 1; number >= 1; number--) {
        renameIfThere(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`)
      }
      renameSync(next, path)
    } catch (error) {
      closeSync(descriptor)
      throw error
    }
    this.#closeFile()
    this.#descriptor = descriptor
    this.#size = 0
    this.#inode = fstatSync(descriptor).ino
    this.#setGeneration(this.#generation + 1)
    this.#compressor?.add()
  }

  #setGeneration(generation: number): void {
    this.#generation = generation
    if (!this.#options.header) writeGeneration(this.#options.path, generation)
  }
}

/** Takes up a rotation that a kill cut off. */
export function finishRotation(path: string): void {
  if (!existsSync(path)) renameIfThere(fileBeside(path, "next"), path)
}

/** Files without a header of their own have their generation beside them. */
function writeGeneration(path: string, generation: number): void {
  const file = fileBeside(path, "generation")
  try {
    writeFileSync(`${file}.new`, String(generation), { mode: 0o640 })
    renameSync(`${file}.new`, file)
  } catch {
    // On a full disk positions of the older files are forgotten; the output itself matters more.
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error
  }
}

const openAppend = (path: string): number =>
  openSync(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | 0o2000000, 0o640)
