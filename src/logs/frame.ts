/**
 * The `framed` log: output as it came from the process, in frames that can be walked from both ends.
 *
 * file   = 32 bytes: "BARGELOG", version (u32) 1, 0 (u32), generation (u64), creation time (u64, ns)
 * frame  = header of 16 bytes: mark 0xB6, kind (u8), check (u16), length (u32), time (u64, ns since the epoch);
 *          `length` bytes as they came; trailer of 8 bytes: length (u32), length xor 0x5AFE10C5 (u32)
 *
 * Little endian. A frame at the end of a file that is not whole is being written, or was torn by a crash.
 */
export const fileHeaderLength = 32
export const headerLength = 16
export const trailerLength = 8
export const overhead = headerLength + trailerLength

/** Longest payload of a frame: what a reader must be ready to hold. */
export const maxPayload = 256 * 1024

/** `gap`: output was lost here; the payload is JSON `{"bytes": n}`. */
export const frameKinds = { stdout: 1, stderr: 2, gap: 3 } as const
export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds]

const signature = Buffer.from("BARGELOG")
const mark = 0xb6
const trailerKey = 0x5afe10c5

export function fileHeader(generation: number, created: bigint): Buffer {
  const header = Buffer.alloc(fileHeaderLength)
  signature.copy(header)
  header.writeUInt32LE(1, 8)
  header.writeBigUInt64LE(BigInt(generation), 16)
  header.writeBigUInt64LE(created, 24)
  return header
}

/** @returns the generation of a framed file that begins with `bytes`; undefined when it is not one */
export function generationOf(bytes: Buffer): number | undefined {
  if (bytes.length < fileHeaderLength || signature.compare(bytes, 0, 8) !== 0 || bytes.readUInt32LE(8) !== 1) return
  return Number(bytes.readBigUInt64LE(16))
}

/** Writes header and trailer around the `length` bytes of payload that begin at `start`: a frame from `start - 16` on. */
export function encloseFrame(buffer: Buffer, start: number, length: number, kind: FrameKind, at: bigint): void {
  const header = start - headerLength
  buffer[header] = mark
  buffer[header + 1] = kind
  buffer.writeUInt32LE(length, header + 4)
  buffer.writeBigUInt64LE(at, header + 8)
  buffer.writeUInt16LE(checkOf(buffer, header), header + 2)
  buffer.writeUInt32LE(length, start + length)
  buffer.writeUInt32LE((length ^ trailerKey) >>> 0, start + length + 4)
}

export interface FrameHeader {
  readonly kind: FrameKind
  readonly length: number
  readonly at: bigint
}

/** The header at `offset`. @returns undefined when there is none */
export function readHeader(buffer: Buffer, offset: number): FrameHeader | undefined {
  if (offset + headerLength > buffer.length || buffer[offset] !== mark) return undefined
  const kind = buffer[offset + 1]!
  const length = buffer.readUInt32LE(offset + 4)
  if (kind < 1 || kind > 3 || length > maxPayload || buffer.readUInt16LE(offset + 2) !== checkOf(buffer, offset)) {
    return undefined
  }
  return { kind: kind as FrameKind, length, at: buffer.readBigUInt64LE(offset + 8) }
}

/** Payload length told by the trailer that begins at `offset`. @returns undefined when there is none */
export function readTrailer(buffer: Buffer, offset: number): number | undefined {
  if (offset < 0 || offset + trailerLength > buffer.length) return undefined
  const length = buffer.readUInt32LE(offset)
  return buffer.readUInt32LE(offset + 4) === (length ^ trailerKey) >>> 0 && length <= maxPayload ? length : undefined
}

function checkOf(buffer: Buffer, header: number): number {
  let sum = 0x9e37
  for (let at = header + 4; at < header + headerLength; at++) sum = (sum * 31 + buffer[at]!) & 0xffff
  return (sum + buffer[header + 1]! * 257) & 0xffff
}
