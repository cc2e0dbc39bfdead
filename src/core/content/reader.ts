import type { FileHandle } from "node:fs/promises"
import type { BlobReader } from "./contract.ts"

const chunkSize = 1 << 20

/** Reads a published file. It stays readable when the blob is removed meanwhile. */
export class FileReader implements BlobReader {
  readonly size: number
  readonly #handle: FileHandle

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.size = size
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const wanted = Math.max(0, Math.min(length, this.size - offset))
    const bytes = new Uint8Array(wanted)
    let filled = 0
    while (filled < wanted) {
      const { bytesRead } = await this.#handle.read(bytes, filled, wanted - filled, offset + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return filled === wanted ? bytes : bytes.subarray(0, filled)
  }

  async *stream(offset = 0, length = this.size - offset): AsyncIterable<Uint8Array> {
    const end = Math.min(offset + length, this.size)
    for (let at = offset; at < end; ) {
      const chunk = await this.read(at, Math.min(chunkSize, end - at))
      if (chunk.length === 0) return
      at += chunk.length
      yield chunk
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }
}
