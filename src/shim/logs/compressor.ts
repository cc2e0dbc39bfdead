import { closeSync, createReadStream, openSync, renameSync, rmSync, statSync } from "node:fs"
import { pipeline } from "node:stream/promises"
import { createGzip } from "node:zlib"
import { compressedSuffix } from "../../logs/files-beside.ts"
import { writeTo } from "../../logs/unpack.ts"

/** A file's length is kept in 32 bits (RFC 1952, section 2.3.1): longer ones stay as they are. */
const longest = 2 ** 32

/**
 * Compresses the rotated files of one log, `path.1` to `path.N`, in the background and one after the other. Both forms of
 * a file are there before the longer one goes: a reader always finds one.
 */
export class Compressor {
  readonly #path: string
  readonly #maxFiles: number
  /** Numbers of files that wait, the oldest first. */
  #waiting: number[]
  /** Number of the file that is being compressed. */
  #current: number | undefined
  readonly #abort = new AbortController()

  /** @param maxFiles the current one included */
  constructor(path: string, maxFiles: number) {
    this.#path = path
    this.#maxFiles = maxFiles
    // An unfinished compression starts again.
    rmSync(this.#draft, { force: true })
    this.#waiting = Array.from({ length: maxFiles - 1 }, (_, index) => maxFiles - 1 - index).filter((number) =>
      statSync(`${path}.${number}`, { throwIfNoEntry: false }),
    )
    this.#next()
  }

  /** Makes room for the file that becomes `path.1`: every name goes up by one, and the oldest file goes. */
  shift(): void {
    const move = (from: number, suffix: string) => {
      try {
        renameSync(`${this.#path}.${from}${suffix}`, `${this.#path}.${from + 1}${suffix}`)
      } catch (error) {
        if ((error as { code?: string }).code !== "ENOENT") throw error
      }
    }
    for (const suffix of ["", compressedSuffix]) rmSync(`${this.#path}.${this.#maxFiles - 1}${suffix}`, { force: true })
    for (let number = this.#maxFiles - 2; number >= 1; number--) {
      move(number, "")
      move(number, compressedSuffix)
    }
    this.#waiting = this.#waiting.map((number) => number + 1).filter((number) => number < this.#maxFiles)
    if (this.#current !== undefined) this.#current++
  }

  /** `path.1` is a new file. */
  add(): void {
    if (this.#maxFiles < 2) return
    this.#waiting.push(1)
    this.#next()
  }

  /** Ends early. What is not compressed yet stays as it is until the log is opened again. */
  stop(): void {
    this.#abort.abort()
    rmSync(this.#draft, { force: true })
  }

  get #draft(): string {
    return `${this.#path}.compressing`
  }

  #next(): void {
    if (this.#current !== undefined || this.#abort.signal.aborted) return
    this.#current = this.#waiting.shift()
    if (this.#current === undefined) return
    void this.#compress(`${this.#path}.${this.#current}`)
      .catch(() => {
        // The disk is full, or the folder is gone with its container: the file stays as it is.
        if (!this.#abort.signal.aborted) rmSync(this.#draft, { force: true })
      })
      .finally(() => {
        this.#current = undefined
        this.#next()
      })
  }

  async #compress(source: string): Promise<void> {
    if (statSync(source).size >= longest) return
    const { signal } = this.#abort
    const target = openSync(this.#draft, "w", 0o640)
    try {
      // Opened at once: a moment later the name may be another file's.
      const content = createReadStream("", { fd: openSync(source, "r"), start: 0 })
      // Little effort takes most of a log away, and the container has the processor.
      await pipeline(content, createGzip({ level: 1 }), writeTo(target), { signal })
    } finally {
      closeSync(target)
    }
    signal.throwIfAborted()
    // A rotation meanwhile has given the file another number, or has taken it away.
    const number = this.#current
    if (number === undefined || number >= this.#maxFiles) rmSync(this.#draft, { force: true })
    else {
      renameSync(this.#draft, `${this.#path}.${number}${compressedSuffix}`)
      rmSync(`${this.#path}.${number}`, { force: true })
    }
  }
}
