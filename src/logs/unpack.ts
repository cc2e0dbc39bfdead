import { closeSync, createReadStream, fstatSync, openSync, readSync, unlinkSync, writeSync } from "node:fs"
import { pipeline } from "node:stream/promises"
import { constants, createGunzip, gunzipSync } from "node:zlib"
import { newId } from "../std/id.ts"

/** How long a compressed file is unpacked, as its end says (RFC 1952, section 2.3.1). */
export function unpackedLength(descriptor: number): number {
  const trailer = Buffer.alloc(4)
  const { size } = fstatSync(descriptor)
  return readSync(descriptor, trailer, 0, 4, size - 4) === 4 ? trailer.readUInt32LE(0) : 0
}

/** At least the first `length` bytes of a compressed file, unless it is shorter. */
export function unpackedHead(descriptor: number, length: number): Buffer {
  const bytes = Buffer.alloc(length + 64 * 1024)
  const packed = bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, 0))
  return gunzipSync(packed, { finishFlush: constants.Z_SYNC_FLUSH })
}

/** Unpacks a file beside itself, into one without a name. @returns its descriptor, which the caller closes */
export async function unpacked(path: string, descriptor: number): Promise<number> {
  const name = `${path}.${newId().slice(0, 12)}.reading`
  const target = openSync(name, "wx+", 0o600)
  unlinkSync(name)
  try {
    const source = createReadStream("", { fd: descriptor, start: 0, autoClose: false })
    await pipeline(source, createGunzip(), writeTo(target))
    return target
  } catch (error) {
    closeSync(target)
    throw error
  }
}

/** The end of a pipeline that writes to a file: when it is over, nothing of it is still to be written. */
export const writeTo = (descriptor: number) => async (chunks: AsyncIterable<Uint8Array>) => {
  for await (const chunk of chunks) {
    let done = 0
    while (done < chunk.length) done += writeSync(descriptor, chunk, done)
  }
}
