import { closeSync, fstatSync, openSync, read, readSync, unlinkSync, writeSync } from "node:fs"
import { pipeline } from "node:stream/promises"
import { promisify } from "node:util"
import { constants, createGunzip, gunzipSync } from "node:zlib"
import { isKind } from "../errors/failure.ts"
import { memoryFile } from "../linux/memory-file.ts"
import { newId } from "../std/id.ts"

const readAsync = promisify(read)

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

/** Bytes up to which a file is unpacked into memory where the disk has no room. */
const mostInMemory = 64 << 20

/**
 * Unpacks a file beside itself, into one without a name; into memory where the disk has no room.
 * @returns its descriptor, which the caller closes
 * @throws noSpace when it is too large for that
 */
export async function unpacked(path: string, descriptor: number): Promise<number> {
  try {
    return await unpackInto(() => fileWithoutName(`${path}.${newId().slice(0, 12)}.reading`), descriptor)
  } catch (error) {
    if (!isKind(error, "noSpace") || unpackedLength(descriptor) > mostInMemory) throw error
    return await unpackInto(() => memoryFile("barge-log", 0), descriptor)
  }
}

function fileWithoutName(name: string): number {
  const descriptor = openSync(name, "wx+", 0o600)
  unlinkSync(name)
  return descriptor
}

async function unpackInto(open: () => number, descriptor: number): Promise<number> {
  const target = open()
  try {
    await pipeline(contentOf(descriptor), createGunzip(), writeTo(target))
    return target
  } catch (error) {
    closeSync(target)
    throw error
  }
}

/** The bytes of an open file. A stream of the runtime closes its descriptor when the pipeline fails, whatever it was told. */
async function* contentOf(descriptor: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; ; ) {
    const block = Buffer.allocUnsafeSlow(64 * 1024)
    const { bytesRead } = await readAsync(descriptor, block, 0, block.length, at)
    if (bytesRead === 0) return
    yield block.subarray(0, bytesRead)
    at += bytesRead
  }
}

/** The end of a pipeline that writes to a file: when it is over, nothing of it is still to be written. */
export const writeTo = (descriptor: number) => async (chunks: AsyncIterable<Uint8Array>) => {
  for await (const chunk of chunks) {
    let done = 0
    while (done < chunk.length) done += writeSync(descriptor, chunk, done)
  }
}
