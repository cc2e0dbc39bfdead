import type { LogPosition, OutputStream } from "../../logs/contract.ts"
import { nowNanos } from "../../std/clock.ts"
import { Losses } from "./losses.ts"
import { RotatingFile, type RotatingFileOptions } from "./rotating-file.ts"
import type { LogMark, LogTrouble, LogWriter } from "./writer.ts"

/** The parts of a writer that do not depend on the format: one rotating file, and a count of what found no room in it. */
export abstract class FileLog implements LogWriter {
  protected readonly file: RotatingFile
  protected readonly losses: Losses

  constructor(file: RotatingFileOptions, trouble: LogTrouble) {
    this.file = new RotatingFile(file)
    this.losses = new Losses(trouble)
  }

  abstract readonly unended: LogWriter["unended"]
  abstract write(
    stream: OutputStream,
    at: bigint,
    buffer: Buffer,
    start: number,
    length: number,
    advance?: (logged: number) => void,
  ): void
  abstract flush(at: bigint): void
  /** Appends the note that `lost` bytes are missing here. @throws what the file system says */
  protected abstract markLoss(lost: number, at: bigint): void

  get position(): LogPosition {
    return this.file.position
  }

  mark(): LogMark {
    return this.file.mark()
  }

  reopen(at: bigint): void {
    this.flush(at)
    this.file.reopen()
  }

  rest(): void {
    this.file.rest()
  }

  close(at: bigint): void {
    this.flush(at)
    this.losses.settle((lost) => this.markLoss(lost, nowNanos()))
    this.file.close()
  }
}
