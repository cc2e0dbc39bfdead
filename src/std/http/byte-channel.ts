/** What a channel needs of a connection; `net.Socket` has it. */
export interface Wire {
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown
  on(event: "error", listener: (error: Error) => void): unknown
  on(event: "end" | "close" | "drain", listener: () => void): unknown
  once(event: "close", listener: () => void): unknown
  off(event: "close" | "drain", listener: () => void): unknown
  /** @returns whether there is room for more; otherwise `drain` tells when there is */
  write(bytes: Uint8Array | string): boolean
  /** Ends this side. */
  end(): unknown
  destroy(error?: Error): unknown
  pause(): unknown
  resume(): unknown
  isPaused(): boolean
}

/** Bytes that wait for the reader above this many stop the socket. */
const highWater = 1 << 20

/**
 * A socket read by pulling: chunks wait in order until taken, and a reader that is slow slows the sender. What was
 * taken too far can be put back.
 */
export class ByteChannel implements AsyncIterable<Uint8Array> {
  readonly socket: Wire
  readonly #chunks: Uint8Array[] = []
  #held = 0
  #ended = false
  #error: Error | undefined
  #wake: (() => void) | undefined

  constructor(socket: Wire) {
    this.socket = socket
    socket.on("data", (chunk: Uint8Array) => {
      this.#chunks.push(chunk)
      this.#held += chunk.length
      if (this.#held > highWater) socket.pause()
      this.#wake?.()
    })
    const end = () => {
      this.#ended = true
      this.#wake?.()
    }
    socket.on("end", end)
    socket.on("close", end)
    socket.on("error", (error) => {
      this.#error ??= error
      end()
    })
  }

  /** Whether the other side has ended or failed and nothing is left to take. */
  get done(): boolean {
    return this.#ended && this.#chunks.length === 0
  }

  /** The next bytes, or undefined at the end. @throws the socket's error, after what came before it */
  async take(): Promise<Uint8Array | undefined> {
    while (this.#chunks.length === 0) {
      if (this.#error) throw this.#error
      if (this.#ended) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
    const chunk = this.#chunks.shift()!
    this.#held -= chunk.length
    if (this.socket.isPaused() && this.#held <= highWater / 2) this.socket.resume()
    return chunk
  }

  /** Puts bytes back in front. */
  putBack(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#chunks.unshift(bytes)
    this.#held += bytes.length
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.take(); chunk; chunk = await this.take()) yield chunk
  }

  /** Resolves when the bytes are accepted and there is room for more. @throws when the connection is gone */
  async write(bytes: Uint8Array | string): Promise<void> {
    if (this.#error) throw this.#error
    if (this.socket.write(bytes)) return
    await new Promise<void>((resolve, reject) => {
      const settle = () => {
        this.socket.off("drain", settle)
        this.socket.off("close", settle)
        if (this.#error) reject(this.#error)
        else resolve()
      }
      this.socket.on("drain", settle)
      this.socket.on("close", settle)
    })
  }
}
