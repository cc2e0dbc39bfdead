import type { LogConfig, LogPosition, OutputStream } from "../contract.ts"
import { EncodedLog } from "./encoded.ts"
import { FramedLog } from "./framed.ts"

/** Space that {@link LogWriter.write} may use before and after the bytes it is given, in their own buffer. */
export const margin = 64

/** Most bytes of one {@link LogWriter.write}. */
export const maxChunk = 256 * 1024

/** Takes the output of one task. Never throws for what the disk does: output that finds no room is counted and told. */
export interface LogWriter {
  /** Where the next output will be. */
  readonly position: LogPosition
  /**
   * Writes `length` (1 to 256 KB) bytes that begin at `start` of `buffer`, with {@link margin} bytes free on both sides,
   * which it may overwrite.
   */
  write(stream: OutputStream, at: bigint, buffer: Buffer, start: number, length: number): void
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
export function openLog(config: LogConfig, trouble: LogTrouble): LogWriter {
  if (config.format === "none") return new NoLog()
  if (config.format === "framed") return new FramedLog(config, trouble)
  return new EncodedLog(config, config.format, trouble)
}

/** Keeps nothing; positions still advance, so that a reader can tell whether it missed something. */
class NoLog implements LogWriter {
  #offset = 0

  get position(): LogPosition {
    return { generation: 0, offset: this.#offset }
  }

  write(_stream: OutputStream, _at: bigint, _buffer: Buffer, _start: number, length: number): void {
    this.#offset += length
  }

  flush(): void {}
  reopen(): void {}
  rest(): void {}
  close(): void {}
}
