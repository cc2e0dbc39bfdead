import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { dirname } from "node:path"
import type { LogPosition } from "../contract.ts"
import { Compressor } from "./compressor.ts"

export interface RotatingFileOptions {
  readonly path: string
  /** Bytes; 0 for no limit. */
  readonly maxSize: number
  /** The current file included. */
  readonly maxFiles: number
  /** Whether rotated files are compressed. */
  readonly compress?: boolean
  /** What every new file begins with. */
  readonly header?: (generation: number) => Buffer
  /** Of the file that is there, or 0. */
  readonly generation: number
}

/**
 * An append-only file with rotation: `path` is the newest, `path.1` the one before, and so on. An append is whole or does
 * not happen. The generation counts rotations and never goes back. The descriptor of a file that nobody writes to can be
 * given up by {@link rest}; the next append opens the file again.
 */
export class RotatingFile {
  readonly #options: RotatingFileOptions
  #descriptor: number | undefined
  #written = false
  #size: number
  #generation: number
  readonly #compressor: Compressor | undefined

  constructor(options: RotatingFileOptions) {
    this.#options = options
    this.#generation = options.generation
    mkdirSync(dirname(options.path), { recursive: true })
    this.#descriptor = openAppend(options.path)
    this.#size = fstatSync(this.#descriptor).size
    this.#compressor = options.compress ? new Compressor(options.path, options.maxFiles) : undefined
  }

  /** Where the next append begins, if it does not rotate. */
  get position(): LogPosition {
    return { generation: this.#generation, offset: this.#size }
  }

  /** Most bytes of one append: what a file may hold, but at least 4 KB. */
  get room(): number {
    return this.#options.maxSize > 0 ? Math.max(this.#options.maxSize, 4096) : Number.POSITIVE_INFINITY
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
    const { size } = fstatSync(descriptor)
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

  /** The new file exists before the old ones move, so that a failure leaves everything as it was. */
  #rotate(): void {
    const { path, maxFiles } = this.#options
    const descriptor = openAppend(`${path}.next`)
    try {
      this.#compressor?.shift()
      for (let number = this.#compressor ? Math.min(1, maxFiles - 1) : maxFiles - 1; number >= 1; number--) {
        renameIfThere(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`)
      }
      renameSync(`${path}.next`, path)
    } catch (error) {
      closeSync(descriptor)
      throw error
    }
    this.#closeFile()
    this.#descriptor = descriptor
    this.#size = 0
    this.#setGeneration(this.#generation + 1)
    this.#compressor?.add()
  }

  #setGeneration(generation: number): void {
    this.#generation = generation
    if (!this.#options.header) writeGeneration(this.#options.path, generation)
  }
}

/** Files without a header of their own have their generation beside them. */
function writeGeneration(path: string, generation: number): void {
  try {
    writeFileSync(`${path}.generation.new`, String(generation))
    renameSync(`${path}.generation.new`, `${path}.generation`)
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
