import type { FileHandle } from "node:fs/promises"
import type { BlobReader } from "../contract.ts"

const chunkBytes = 128 * 1024

/** A blob in a file. The next chunk is read while the last is on its way: two buffers are enough. */
export class FileBlobReader implements BlobReader {
  readonly #handle: FileHandle
  readonly size: number

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.size = size
  }

  async *stream(start: number, end: number): AsyncIterable<Uint8Array> {
    const size = Math.min(chunkBytes, end - start)
    let free = Buffer.allocUnsafe(size)
    let other = end - start > size ? Buffer.allocUnsafe(size) : free
    let coming = this.#read(free, start, end)
    try {
      for (let at = start; at < end; ) {
        const chunk = await coming
        at += chunk.length
        ;[free, other] = [other, free]
        if (at < end) coming = this.#read(free, at, end)
        yield chunk
      }
    } finally {
      await coming.catch(() => {}) // the file is closed next
    }
  }

  async #read(buffer: Buffer, at: number, end: number): Promise<Buffer> {
    const { bytesRead } = await this.#handle.read(buffer, 0, Math.min(buffer.length, end - at), at)
    if (bytesRead === 0 && at < end) throw new Error(`the blob's file ended at ${at} of ${end} bytes`)
    return bytesRead === buffer.length ? buffer : buffer.subarray(0, bytesRead)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }
}
