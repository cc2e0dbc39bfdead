const defaultBytes = 32 << 20

/**
 * Has the garbage collector run after so many bytes of buffers were let go. It sees a socket's buffers as small objects and lets
 * hundreds of megabytes of them lie about; a run over the small rest of the heap takes milliseconds. At most a ninth of the time goes
 * into it.
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

  /** To be told of every buffer that nobody needs any more. */
  add(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes < this.#limit) return
    const began = performance.now()
    if (began < this.#notBefore) return
    this.#bytes = 0
    this.#collect()
    const ended = performance.now()
    this.#notBefore = ended + 8 * (ended - began)
  }
}
