import type { Socket } from "node:net"

/** Bun's end of a socket. */
interface Handle {
  pause?(): void
  resume?(): void
}

/**
 * Stops and restarts the reading of a socket that is read by its "data" events. `socket.pause()` makes the stream read another half
 * megabyte, each time; its handle stops with what was delivered. The event under way turns the handle on again when it ends, so
 * the handle is stopped after it.
 */
export class Reading {
  readonly #socket: Socket
  #stopped = false

  constructor(socket: Socket) {
    this.#socket = socket
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    const handle = this.#handle
    if (!handle?.pause) this.#socket.pause()
    else queueMicrotask(() => this.#stopped && this.#handle?.pause?.())
  }

  start(): void {
    if (!this.#stopped) return
    this.#stopped = false
    if (this.#socket.isPaused()) this.#socket.resume()
    else this.#handle?.resume?.()
  }

  /** Absent once the socket is closed. */
  get #handle(): Handle | null | undefined {
    return (this.#socket as { _handle?: Handle | null })._handle
  }
}
