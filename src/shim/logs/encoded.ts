import type { OutputStream } from "../../logs/contract.ts"
import { generationBeside } from "../../logs/files-beside.ts"
import { lossMessage } from "../../logs/loss-message.ts"
import { formatNanos, nowNanos } from "../../std/clock.ts"
import type { LogConfig } from "../contract.ts"
import { FileLog } from "./file-log.ts"
import type { Leftover, LogTrouble } from "./writer.ts"

/** Bytes after which a line is written in pieces, as Docker and containerd do. */
export const maxLine = 16 * 1024

type Encode = (stream: OutputStream, at: string, bytes: Buffer, ended: boolean) => Buffer

/** Docker's json-file: `{"log":…,"stream":…,"attrs":…,"time":…}`; a piece without a newline in `log` is a partial one. */
const encodeJson = (attributes: LogConfig["attributes"]): Encode => {
  const attrs = attributes ? `,"attrs":${JSON.stringify(attributes)}` : ""
  return (stream, at, bytes, ended) =>
    Buffer.from(
      `{"log":${JSON.stringify(bytes.toString("utf8") + (ended ? "\n" : ""))},"stream":"${stream}"${attrs},"time":"${at}"}\n`,
    )
}

/** The CRI logging format: `TIME STREAM P|F LINE`. */
const encodeCri: Encode = (stream, at, bytes, ended) =>
  Buffer.concat([Buffer.from(`${at} ${stream} ${ended ? "F" : "P"} `), bytes, newline])

const newline = Buffer.of(10)

/** A log of encoded lines, for consumers of the files themselves. A line is written when it ends. */
export class EncodedLog extends FileLog {
  readonly #encode: Encode
  readonly #unended: Record<OutputStream, Buffer>
  readonly #batch: Buffer[] = []
  #batched = 0
  #raw = 0
  /** Bytes of the chunk being written that are in entries. */
  #entered = 0
  #advance: ((logged: number) => void) | undefined

  constructor(config: LogConfig, format: "json-file" | "cri", trouble: LogTrouble, left: Leftover = {}) {
    super({ ...config, generation: generationBeside(config.path), mark: left.mark }, trouble)
    this.#unended = { stdout: empty, stderr: empty, ...left.unended }
    this.#encode = format === "cri" ? encodeCri : encodeJson(config.attributes)
  }

  get unended(): Readonly<Record<OutputStream, Buffer>> {
    return this.#unended
  }

  write(
    stream: OutputStream,
    at: bigint,
    buffer: Buffer,
    start: number,
    length: number,
    advance?: (logged: number) => void,
  ): void {
    this.#advance = advance
    const time = formatNanos(at)
    const bytes = buffer.subarray(start, start + length)
    let from = 0
    while (from < length) {
      const carried = this.#unended[stream]
      this.#entered = Math.max(0, from - carried.length)
      const found = bytes.indexOf(10, from)
      const most = from + maxLine - carried.length
      if (found >= 0 && found <= most) {
        this.#entry(stream, time, join(carried, bytes.subarray(from, found)), true)
        from = found + 1
      } else if (length > most) {
        const whole = join(carried, bytes.subarray(from, most))
        const piece = whole.subarray(0, characterBoundary(whole))
        this.#entry(stream, time, piece, false)
        this.#unended[stream] = Buffer.from(whole.subarray(piece.length))
        from = most
        continue
      } else {
        this.#unended[stream] = join(carried, Buffer.from(bytes.subarray(from)))
        break
      }
      this.#unended[stream] = empty
    }
    this.#entered = length - this.#unended[stream].length
    this.#commit(at)
    this.#advance = undefined
  }

  flush(at: bigint): void {
    for (const stream of ["stdout", "stderr"] as const) {
      if (this.#unended[stream].length > 0) this.#entry(stream, formatNanos(at), this.#unended[stream], false)
      this.#unended[stream] = empty
    }
    this.#commit(at)
  }

  #entry(stream: OutputStream, time: string, bytes: Buffer, ended: boolean): void {
    const encoded = this.#encode(stream, time, bytes, ended)
    if (this.#batched > 0 && this.#batched + encoded.length > Math.min(this.file.room, 1024 * 1024)) {
      this.#commit(nowNanos())
    }
    this.#batch.push(encoded)
    this.#batched += encoded.length
    this.#raw += bytes.length
  }

  #commit(at: bigint): void {
    if (this.#batched === 0) return
    const bytes = Buffer.concat(this.#batch)
    const raw = this.#raw
    this.#batch.length = 0
    this.#batched = 0
    this.#raw = 0
    if (!this.losses.settle((lost) => this.markLoss(lost, at))) this.losses.add(raw)
    else this.losses.attempt(raw, () => this.file.append(bytes, 0, bytes.length))
    this.#advance?.(this.#entered)
  }

  protected markLoss(lost: number, at: bigint): void {
    const entry = this.#encode("stderr", formatNanos(at), Buffer.from(lossMessage(lost).trimEnd()), true)
    this.file.append(entry, 0, entry.length)
  }
}

const empty = Buffer.alloc(0)

const join = (carried: Buffer, bytes: Buffer): Buffer =>
  carried.length === 0 ? bytes : Buffer.concat([carried, bytes])

/** Where the last whole UTF-8 character of `bytes` ends, or all of it when that is not UTF-8. */
function characterBoundary(bytes: Buffer): number {
  for (let back = 1; back <= 4 && back < bytes.length; back++) {
    const byte = bytes[bytes.length - back]!
    if ((byte & 0xc0) === 0x80) continue
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return needed > back ? bytes.length - back : bytes.length
  }
  return bytes.length
}
