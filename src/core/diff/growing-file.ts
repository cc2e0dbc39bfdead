import { closeSync, openSync, readSync } from "node:fs"
import { Failure } from "../../errors/failure.ts"

/** Reads a file that somebody else is still writing, up to where it has come to. Dispose of it when nobody reads any more. */
export class GrowingFile implements Disposable {
  #there = 0
  #over = false
  #wake = () => {}

  /** So many bytes are there. */
  grown(bytes: number): void {
    this.#there = Math.max(this.#there, bytes)
    this.#wake()
  }

  /** The `size` bytes of the file at `path`, in chunks of up to `chunkSize`. */
  async *read(path: string, size: number, chunkSize: number, signal: AbortSignal): AsyncGenerator<Buffer> {
    const file = openSync(path, "r")
    const wake = () => this.#wake()
    signal.addEventListener("abort", wake)
    try {
      for (let at = 0; at < size; ) {
        await this.#beyond(at, signal)
        const chunk = Buffer.allocUnsafe(Math.min(chunkSize, this.#there - at))
        const length = readSync(file, chunk, 0, chunk.length, at)
        if (length === 0) throw new Error(`${path} ends at ${at} of ${size} bytes`)
        at += length
        yield length < chunk.length ? chunk.subarray(0, length) : chunk
      }
    } finally {
      signal.removeEventListener("abort", wake)
      closeSync(file)
    }
  }

  /** Ends readers that wait for more bytes: they cannot be told otherwise, and have the file open. */
  [Symbol.dispose](): void {
    this.#over = true
    this.#wake()
  }

  async #beyond(at: number, signal: AbortSignal): Promise<void> {
    while (this.#there <= at) {
      signal.throwIfAborted()
      if (this.#over) throw new Failure("cancelled", "nobody reads the file any more")
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
