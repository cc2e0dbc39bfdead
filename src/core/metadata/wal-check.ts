import { readFileSync } from "node:fs"

/** Bytes of the WAL's header, and of the header of each frame (SQLite file format, sections 4.1 and 4.2). */
const walHeader = 32
const frameHeader = 24

/**
 * What is wrong with a WAL that SQLite would silently ignore, and with it the changes in it; undefined when nothing is.
 * @param torn whether the host may have lost power since it was written: then a transaction that was never flushed can
 * be incomplete, and is rightly ignored
 */
export function walDamage(path: string, torn: boolean): string | undefined {
  let wal: Buffer
  try {
    wal = readFileSync(path)
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined
    throw error
  }
  // An empty log, or one whose first blocks never reached the disk.
  if (wal.length < walHeader || wal.subarray(0, walHeader).every((byte) => byte === 0)) return undefined
  const magic = wal.readUInt32BE(0)
  if (magic !== 0x377f0682 && magic !== 0x377f0683) return "it does not begin like a log of SQLite"
  const sum = new Checksum(magic === 0x377f0682)
  sum.add(wal, 0, 24)
  if (!sum.equals(wal, 24)) return "its header has a wrong checksum"
  return torn ? undefined : damagedFrame(wal, sum)
}

/**
 * Looks for the end of a transaction that follows a damaged frame. A frame is intact when its checksum goes on from the one that its
 * predecessor has stored. The end of a transaction that kill -9 or a full disk has cut off never is: frames of it may follow those of
 * a later, shorter transaction.
 */
function damagedFrame(wal: Buffer, sum: Checksum): string | undefined {
  const frame = frameHeader + wal.readUInt32BE(8)
  let whole = true
  for (let at = walHeader; at + frame <= wal.length; at += frame) {
    // Frames from before the log started over carry another salt.
    if (wal.compare(wal, 16, 24, at + 8, at + 16) !== 0) return undefined
    sum.add(wal, at, at + 8)
    sum.add(wal, at + frameHeader, at + frame)
    const intact = sum.equals(wal, at + 16)
    if (!intact) sum.set(wal, at + 16)
    if (!whole && intact && wal.readUInt32BE(at + 4) !== 0)
      return `the page at byte ${at} ends a transaction that follows a damaged one`
    whole &&= intact
  }
  return undefined
}

/** The running checksum of a WAL: two sums of 32 bits over pairs of words. */
class Checksum {
  readonly #little: boolean
  #one = 0
  #two = 0

  constructor(little: boolean) {
    this.#little = little
  }

  add(bytes: Buffer, from: number, to: number): void {
    for (let at = from; at < to; at += 8) {
      const first = this.#little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
      const second = this.#little ? bytes.readUInt32LE(at + 4) : bytes.readUInt32BE(at + 4)
      this.#one = (this.#one + first + this.#two) >>> 0
      this.#two = (this.#two + second + this.#one) >>> 0
    }
  }

  /** Goes on from a sum that is stored in `bytes`. */
  set(bytes: Buffer, at: number): void {
    this.#one = bytes.readUInt32BE(at)
    this.#two = bytes.readUInt32BE(at + 4)
  }

  equals(bytes: Buffer, at: number): boolean {
    return bytes.readUInt32BE(at) === this.#one && bytes.readUInt32BE(at + 4) === this.#two
  }
}
