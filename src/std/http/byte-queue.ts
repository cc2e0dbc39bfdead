/** Stops and restarts whoever fills a queue. */
export interface Flow {
  pause(): void
  resume(): void
}

type Result = IteratorResult<Uint8Array, undefined>

/**
 * Bytes on their way from a callback to one async reader. Above `highWater` the source is paused until the reader has
 * taken everything.
 */
export class ByteQueue implements AsyncIterable<Uint8Array> {
  readonly #flow: Flow
  readonly #highWater: number
  #chunks: Uint8Array[] = []
  #bytes = 0
  #paused = false
  #ended = false
  #error: Error | undefined
  #discarding = false
  #waiting: { resolve(result: Result): void; reject(error: Error): void } | undefined
  /** Called once, when somebody starts to read. */
  onFirstRead: (() => void) | undefined

  constructor(flow: Flow, highWater = 512 * 1024) {
    this.#flow = flow
    this.#highWater = highWater
  }

  push(chunk: Uint8Array): void {
    if (this.#ended || this.#discarding || chunk.length === 0) return
    const waiting = this.#waiting
    if (waiting) {
      this.#waiting = undefined
      waiting.resolve({ done: false, value: chunk })
      return
    }
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes >= this.#highWater && !this.#paused) {
      this.#paused = true
      this.#flow.pause()
    }
  }

  /** No more bytes will come; the reader gets what is left, then the end. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#waiting?.resolve({ done: true, value: undefined })
    this.#waiting = undefined
  }

  /** No more bytes will come; the reader gets what is left, then `error`. */
  fail(error: Error): void {
    if (this.#ended) return
    this.#error = error
    this.#ended = true
    if (this.#waiting) {
      this.#error = undefined
      this.#waiting.reject(error)
      this.#waiting = undefined
    }
  }

  /** Drops what is left and what will come: the source never waits again. */
  discard(): void {
    this.#discarding = true
    this.#chunks = []
    this.#bytes = 0
    this.#resume()
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#flow.resume()
  }

  #next(): Promise<Result> {
    const chunk = this.#chunks.shift()
    if (chunk) {
      this.#bytes -= chunk.length
      if (this.#bytes === 0) this.#resume()
      return Promise.resolve({ done: false, value: chunk })
    }
    if (this.#error) {
      const error = this.#error
      this.#error = undefined
      return Promise.reject(error)
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined })
    const first = this.onFirstRead
    if (first) {
      this.onFirstRead = undefined
      first()
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: () => this.#next(),
      return: () => Promise.resolve({ done: true, value: undefined }),
    }
  }
}
