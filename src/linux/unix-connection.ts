import { EventEmitter } from "node:events"

/**
 * A connection to a unix socket, with the events and verbs of Node's `net.Socket` as far as a client needs them: `data`,
 * `end`, `drain`, `error`, `close`. Its other side may end while this one goes on writing, and the reverse. Loading
 * `node:net` takes a program that lives for a few milliseconds too long.
 */
export class UnixConnection extends EventEmitter {
  #socket: Bun.Socket | undefined
  #rest: Uint8Array[] = []
  #ending = false
  #closed = false
  #paused = false

  /** @throws an error with `code`: ENOENT, ECONNREFUSED, EACCES */
  static async open(path: string): Promise<UnixConnection> {
    const connection = new UnixConnection()
    connection.#socket = await Bun.connect({
      unix: path,
      allowHalfOpen: true,
      socket: {
        data: (_socket, chunk) => void connection.emit("data", chunk),
        end: () => void connection.emit("end"),
        drain: () => connection.#flush(),
        error: (_socket, error) => connection.#fail(error),
        close: () => connection.#close(),
      },
    })
    return connection
  }

  /** @returns whether there is room for more; otherwise `drain` tells when there is */
  write(data: Uint8Array | string): boolean {
    const bytes = typeof data === "string" ? Buffer.from(data) : data
    if (this.#closed) return false
    this.#rest.push(bytes)
    if (this.#rest.length === 1) this.#flush()
    return this.#rest.length === 0
  }

  /** Ends this side after what is written. */
  end(): void {
    this.#ending = true
    if (this.#rest.length === 0) this.#socket?.shutdown()
  }

  destroy(error?: Error): void {
    if (this.#closed) return
    if (error) this.emit("error", error)
    this.#socket?.terminate()
    this.#close()
  }

  pause(): void {
    this.#paused = true
    this.#socket?.pause()
  }

  resume(): void {
    this.#paused = false
    this.#socket?.resume()
  }

  isPaused(): boolean {
    return this.#paused
  }

  #flush(): void {
    const waited = this.#rest.length > 0
    while (this.#rest[0]) {
      const written = this.#socket?.write(this.#rest[0]) ?? -1
      if (written < 0) return
      if (written < this.#rest[0].length) {
        this.#rest[0] = this.#rest[0].subarray(written)
        return
      }
      this.#rest.shift()
    }
    if (this.#ending) this.#socket?.shutdown()
    else if (waited) this.emit("drain")
  }

  #fail(error: Error): void {
    if (!this.#closed && this.listenerCount("error") > 0) this.emit("error", error)
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#rest = []
    this.emit("close")
  }
}
