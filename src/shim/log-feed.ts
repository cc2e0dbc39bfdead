import { readNow, wouldBlock } from "../linux/descriptor.ts"
import type { LogPosition, OutputStream } from "../logs/contract.ts"
import type { LogConfig } from "./contract.ts"
import { type LogTrouble, type LogWriter, margin, maxChunk, openLog } from "./logs/writer.ts"
import type { Transit, UnfinishedStep } from "./transit.ts"
import { UnendedStore } from "./unended-lines.ts"

export interface LogFeedOptions {
  /** The process, by `keyOf`. */
  readonly key: string
  readonly config: LogConfig
  readonly trouble: LogTrouble
  readonly transit: Transit
  /** Folder of the process's record. */
  readonly folder: string
  /** What an earlier shim was killed over, if that was this process's. */
  readonly unfinished: UnfinishedStep | undefined
}

/** Takes a process's output and writes it to its log, in steps of a {@link Transit}: what was taken is in the log. */
export class LogFeed {
  readonly #key: string
  readonly #transit: Transit
  readonly #log: LogWriter
  readonly #unended: UnendedStore

  /** Finishes what an earlier shim was killed over. @throws when the log cannot be opened */
  constructor({ key, config, trouble, transit, folder, unfinished }: LogFeedOptions) {
    this.#key = key
    this.#transit = transit
    this.#unended = new UnendedStore(folder)
    const unended = this.#unended.load(unfinished?.sequence ?? Number.POSITIVE_INFINITY)
    if (!unfinished) {
      this.#log = openLog(config, trouble, unended ? { unended } : {})
      return
    }
    const { stream, at, mark, logged, length } = unfinished
    // A beginning is in the log with the bytes after it.
    const rest = unended && logged > 0 ? { ...unended, [stream]: Buffer.alloc(0) } : unended
    this.#log = openLog(config, trouble, { mark, ...(rest ? { unended: rest } : {}) })
    if (length > logged) this.#write(stream, at, logged, length)
    this.#end()
  }

  /** Where the next output will be. */
  get position(): LogPosition {
    return this.#log.position
  }

  /** What {@link take} took begins at `margin` of this buffer; the space on both sides is free to use. */
  get buffer(): Buffer {
    return this.#transit.buffer
  }

  /**
   * Takes what a pipe or a terminal has now, at most 256 KB, and writes it to the log.
   * @returns bytes taken, 0 at the end, `wouldBlock` when there is nothing now
   * @throws SystemError; EIO is how a terminal's master tells that nobody has its other side open
   */
  take(stream: OutputStream, descriptor: number, kind: "pipe" | "terminal", at: bigint): number {
    const mark = this.#log.mark()
    if (!mark) return this.#takeUnlogged(stream, descriptor, at)
    const transit = this.#transit
    transit.begin({ key: this.#key, stream, at, mark })
    try {
      const length = kind === "pipe" ? transit.takePiped(descriptor) : transit.takeRead(descriptor)
      if (length > 0) this.#write(stream, at, 0, length)
      return length
    } finally {
      this.#end()
    }
  }

  /** Writes lines that have not ended yet as partial ones, so that `position` is exact. */
  flush(at: bigint): void {
    const { unended } = this.#log
    if (!unended || unended.stdout.length + unended.stderr.length === 0) return
    const mark = this.#log.mark()
    if (!mark) return
    this.#transit.begin({ key: this.#key, stream: "stdout", at, mark })
    this.#log.flush(at)
    this.#end()
  }

  /** Opens the log file anew by its name. */
  reopen(at: bigint): void {
    this.flush(at)
    this.#log.reopen(at)
  }

  /** Closes the file, until the next output, when there was none since the last call. */
  rest(): void {
    this.#log.rest()
  }

  close(at: bigint): void {
    this.flush(at)
    this.#log.close(at)
  }

  #takeUnlogged(stream: OutputStream, descriptor: number, at: bigint): number {
    const length = readNow(descriptor, this.buffer.subarray(margin, margin + maxChunk))
    if (length !== wouldBlock && length > 0) this.#log.write(stream, at, this.buffer, margin, length)
    return length
  }

  #write(stream: OutputStream, at: bigint, logged: number, length: number): void {
    const advance = (more: number) => this.#transit.advance(logged + more, this.#log.mark()!)
    this.#log.write(stream, at, this.buffer, margin + logged, length - logged, advance)
  }

  #end(): void {
    const { unended } = this.#log
    if (unended) this.#unended.save(this.#transit.sequence, unended)
    this.#transit.end()
  }
}
