import type { LogPosition, OutputStream } from "../../logs/contract.ts"
import type { LogConfig } from "../contract.ts"
import { EncodedLog } from "./encoded.ts"
import { FramedLog } from "./framed.ts"

/** Space that {@link LogWriter.write} may use before and after the bytes it is given, in their own buffer. */
export const margin = 64

/** Most bytes of one {@link LogWriter.write}. */
export const maxChunk = 256 * 1024

/** The end of a log file, by which a later writer finds it again. */
export interface LogMark extends LogPosition {
  readonly inode: number
}

/** State that a killed writer left behind. */
export interface Leftover {
  /** The end of the log that counts: what is behind it is written once more. Absent: all of it counts. */
  readonly mark?: LogMark
  /** Beginnings of lines that formats of whole lines have not written yet, by stream. */
  readonly unended?: Readonly<Record<OutputStream, Buffer>>
}

/** Takes the output of one task. Never throws for what the disk does: output that finds no room is counted and told. */
export interface LogWriter {
  /** Where the next output will be. */
  readonly position: LogPosition
  /** The end of the file, opened again when it was closed by {@link rest}; undefined when there is none. */
  mark(): LogMark | undefined
  /** Beginnings of lines that are held back until the lines end, by stream; undefined when nothing ever is. */
  readonly unended: Readonly<Record<OutputStream, Buffer>> | undefined
  /**
   * Writes `length` (1 to 256 KB) bytes that begin at `start` of `buffer`, with {@link margin} bytes free on both sides,
   * which it may overwrite.
   * @param advance told after every append how many of the bytes are in the log, or given up
   */
  write(
    stream: OutputStream,
    at: bigint,
    buffer: Buffer,
    start: number,
    length: number,
    advance?: (logged: number) => void,
  ): void
  /** Writes lines that have not ended yet as partial ones, so that `position` is exact. */
  flush(at: bigint): void
  /** Opens the file anew by its name. */
  reopen(at: bigint): void
  /** Closes the file, until the next output, when there was none since the last call. */
  rest(): void
  close(at: bigint): void
}

/** Told when output could not be written (`lost` bytes so far, why), and with `recovered` when writing works again. */
export type LogTrouble = (trouble: {
  readonly recovered: boolean
  readonly lost: number
  readonly why?: string
}) => void

/** Opens or continues a task's log. @throws when the file cannot be opened */
export function openLog(config: LogConfig, trouble: LogTrouble, left: Leftover = {}): LogWriter {
  if (config.format === "none") return new NoLog()
  if (config.format === "framed") return new FramedLog(config, trouble, left)
  return new EncodedLog(config, config.format, trouble, left)
}

/** Keeps nothing; positions still advance, so that a reader can tell whether it missed something. */
class NoLog implements LogWriter {
  readonly unended = undefined
  #offset = 0

  get position(): LogPosition {
    return { generation: 0, offset: this.#offset }
  }

  write(_stream: OutputStream, _at: bigint, _buffer: Buffer, _start: number, length: number): void {
    this.#offset += length
  }

  mark(): undefined {}
  flush(): void {}
  reopen(): void {}
  rest(): void {}
  close(): void {}
}
