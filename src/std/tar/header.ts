import { Failure } from "../../errors/failure.ts"
import { parseNumber } from "./numbers.ts"

/** One header block as stored, before extended headers are applied. */
export interface Header {
  /** The type flag, as a character code. */
  readonly flag: number
  readonly name: Buffer
  readonly linkName: Buffer
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  /** Seconds. */
  readonly mtime: number
  readonly major: number
  readonly minor: number
  /** Whether the GNU format wrote it (its sparse fields mean something then). */
  readonly gnu: boolean
}

/** Bytes of a text field up to its NUL, copied. */
function field(block: Buffer, offset: number, length: number): Buffer {
  const nul = block.indexOf(0, offset)
  return Buffer.from(block.subarray(offset, nul < 0 || nul > offset + length ? offset + length : nul))
}

/** Whether a block is all zeros: two of them end an archive. */
export function isZeroBlock(block: Buffer): boolean {
  for (let at = 0; at < block.length; at++) if (block[at] !== 0) return false
  return true
}

/** The two sums that writers have used: of unsigned bytes (POSIX) and of signed ones (old ones). */
function checksums(block: Buffer): readonly [number, number] {
  let unsigned = 8 * 0x20
  let high = 0
  for (let at = 0; at < 512; at++) {
    if (at === 148) at = 156
    const byte = block[at]!
    unsigned += byte
    if (byte & 0x80) high++
  }
  return [unsigned, unsigned - 256 * high]
}

/**
 * Parses a header block of any format: v7, ustar, GNU, star.
 * @throws invalidArgument when the checksum or a number is wrong
 */
export function parseHeader(block: Buffer): Header {
  const told = parseNumber(block, 148, 8, "checksum")
  const [unsigned, signed] = checksums(block)
  if (told !== unsigned && told !== signed) {
    throw new Failure("invalidArgument", "malformed archive: the checksum of an entry's header is wrong")
  }
  const magic = block.toString("latin1", 257, 265)
  const posix = magic.startsWith("ustar\0")
  const gnu = magic === "ustar  \0"
  const star = posix && block.toString("latin1", 508, 512) === "tar\0"
  let name = field(block, 0, 100)
  if (posix) {
    const prefix = field(block, 345, star ? 131 : 155)
    if (prefix.length) name = Buffer.concat([prefix, Buffer.from("/"), name])
  }
  const flag = block[156]!
  const device = (posix || gnu) && (flag === 0x33 || flag === 0x34)
  return {
    flag,
    name,
    linkName: field(block, 157, 100),
    mode: parseNumber(block, 100, 8, "mode") & 0o7777,
    uid: parseNumber(block, 108, 8, "owner"),
    gid: parseNumber(block, 116, 8, "group"),
    size: parseNumber(block, 124, 12, "size"),
    mtime: parseNumber(block, 136, 12, "time"),
    major: device ? parseNumber(block, 329, 8, "device number") : 0,
    minor: device ? parseNumber(block, 337, 8, "device number") : 0,
    gnu,
  }
}
