import { open } from "node:fs/promises"
import { setTimeout as pause } from "node:timers/promises"
import type { Digest } from "../../oci/digest.ts"
import type { Upload } from "../uploads/upload.ts"
import type { RemoteRepository } from "./remote.ts"

const chunkBytes = 128 * 1024
/** Milliseconds before each further attempt to go on with a body that broke off. */
const delays = [100, 500, 2000, 5000]

/**
 * A blob on its way from a registry into a file, once for all who want it. Each reads the file as far as it goes; the last byte is
 * held back until the digest is known to be right, so that nobody takes wrong bytes for the whole.
 */
export class Download {
  readonly digest: Digest
  /** Bytes of the blob; rejects when the registry does not have it. */
  readonly size: Promise<number>
  /** Resolves when the blob is stored. */
  readonly stored: Promise<void>
  readonly #upload: Upload
  #announce!: (size: number) => void
  #size: number | undefined
  #state: "coming" | "right" | { readonly failed: unknown } = "coming"
  #waiting: (() => void)[] = []

  /** @param store takes over the finished file. @throws when its bytes are not those of the digest */
  constructor(remote: RemoteRepository, digest: Digest, upload: Upload, store: () => Promise<void>) {
    this.digest = digest
    this.#upload = upload
    const announced = new Promise<number>((resolve) => {
      this.#announce = resolve
    })
    this.stored = this.#run(remote, store)
    this.size = Promise.race([announced, this.stored.then(() => upload.offset)])
    this.size.catch(() => {})
  }

  /** The bytes from `start` to before `end` as they come. @throws what the download fails with */
  async *read(start: number, end: number): AsyncIterable<Uint8Array> {
    await using file = await open(this.#upload.file, "r")
    for (let at = start; at < end; ) {
      const there = Math.min(end, this.#available())
      if (at >= there) {
        if (typeof this.#state === "object") throw this.#state.failed
        await new Promise<void>((resolve) => this.#waiting.push(resolve))
        continue
      }
      const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, there - at))
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }

  #available(): number {
    const { offset } = this.#upload
    return this.#state === "right" ? offset : Math.min(offset, (this.#size ?? offset) - 1)
  }

  async #run(remote: RemoteRepository, store: () => Promise<void>): Promise<void> {
    try {
      await this.#fetch(remote)
      await store()
      this.#state = "right"
    } catch (error) {
      this.#state = { failed: error }
      throw error
    } finally {
      this.#wake()
    }
  }

  /** Fetches the whole, going on where a connection broke. */
  async #fetch(remote: RemoteRepository): Promise<void> {
    for (let attempt = 0; ; ) {
      const before = this.#upload.offset
      try {
        const { offset, size, body } = await remote.blob(this.digest, { offset: before })
        if (size !== undefined && this.#size === undefined) {
          this.#size = size
          this.#announce(size)
        }
        await this.#upload.append(without(body, before - offset), { progress: () => this.#wake() })
        if (this.#size === undefined || this.#upload.offset >= this.#size) return
        throw new Error(`the body ended at ${this.#upload.offset} of ${this.#size} bytes`)
      } catch (error) {
        // Nothing was had at all: whoever asks is told at once.
        if (this.#upload.offset === 0) throw error
        if (this.#upload.offset > before) attempt = 0
        const delay = delays[attempt++]
        if (delay === undefined) throw error
        await pause(delay)
      }
    }
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resume of waiting) resume()
  }
}

/** `body` without its first `count` bytes. */
async function* without(body: AsyncIterable<Uint8Array>, count: number): AsyncIterable<Uint8Array> {
  let left = count
  for await (const chunk of body) {
    if (left >= chunk.length) left -= chunk.length
    else {
      yield left === 0 ? chunk : chunk.subarray(left)
      left = 0
    }
  }
}
