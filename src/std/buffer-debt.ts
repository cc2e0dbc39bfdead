const defaultBytes = 32 << 20

/**
 * Lets go of buffers that came from sockets. The garbage collector sees them as small objects and lets hundreds of megabytes of them
 * lie about, so a buffer with memory of its own is freed at once. Views of a larger buffer are debt: after so many bytes of it the
 * collector runs, which takes milliseconds over the small rest of the heap and at most a ninth of the time.
 */
export class BufferDebt {
  readonly #limit: number
  readonly #collect: () => void
  #bytes = 0
  #notBefore = 0

  constructor(limit = defaultBytes, collect: () => void = () => Bun.gc(true)) {
    this.#limit = limit
    this.#collect = collect
  }

  /** Frees buffers that nobody reads any more: their bytes are gone. */
  free(buffers: readonly Uint8Array[]): void {
    let shared = 0
    for (const { buffer, byteLength } of buffers) {
      if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
      else shared += byteLength
    }
    this.#bytes += shared
    if (this.#bytes < this.#limit) return
    const began = performance.now()
    if (began < this.#notBefore) return
    this.#bytes = 0
    this.#collect()
    const ended = performance.now()
    this.#notBefore = ended + 8 * (ended - began)
  }
}
