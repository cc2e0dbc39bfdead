import type { FileHandle } from "node:fs/promises"
import type { BlobReader } from "../contract.ts"

const chunkBytes = 128 * 1024

/** A blob in a file. */
export class FileBlobReader implements BlobReader {
  readonly #handle: FileHandle
  readonly size: number

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.size = size
  }

  async *stream(start: number, end: number): AsyncIterable<Uint8Array> {
    const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, end - start))
    let at = start
    while (at < end) {
      const { bytesRead } = await this.#handle.read(buffer, 0, Math.min(buffer.length, end - at), at)
      if (bytesRead === 0) throw new Error(`the blob's file ended at ${at} of ${end} bytes`)
      at += bytesRead
      yield bytesRead === buffer.length ? buffer : buffer.subarray(0, bytesRead)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }
}
