import type { Socket } from "node:net"
import { Connection, type ConnectionLimits, type HttpHandler } from "./connection.ts"
import type { Peer } from "./request.ts"
import type { Unread } from "./taken.ts"

const defaultLimits: ConnectionLimits = {
  headBytes: 2 * 1024 * 1024,
  headTime: 60_000,
  idleTime: 30 * 60_000,
  lingerTime: 10_000,
}

/**
 * An HTTP/1.1 server over `node:net`: every connection can be taken out of HTTP with or without an Upgrade header, half-close
 * works both ways, back-pressure holds in both directions, and nothing that takes long is timed out.
 */
export class HttpServer implements AsyncDisposable {
  readonly #handler: HttpHandler
  readonly #limits: ConnectionLimits
  readonly #unread: Unread
  readonly #connections = new Set<Connection>()
  #sweep: NodeJS.Timeout | undefined

  /** @param unread the system's word; without it nothing is ever unread */
  constructor(handler: HttpHandler, limits: Partial<ConnectionLimits> = {}, unread: Unread = () => 0) {
    this.#handler = handler
    this.#unread = unread
    this.#limits = { ...defaultLimits, ...limits }
  }

  /** Serves one connection; give it to `openListeners`. */
  readonly accept = (socket: Socket, peer: Peer): void => {
    socket.setNoDelay?.(true)
    const connection = new Connection(socket, this.#handler, this.#limits, peer, this.#unread)
    this.#connections.add(connection)
    this.#sweep ??= setInterval(() => this.#checkTimes(), Math.min(5000, this.#limits.headTime / 2)).unref()
    void connection.closed.then(() => {
      this.#connections.delete(connection)
      if (this.#connections.size > 0) return
      clearInterval(this.#sweep)
      this.#sweep = undefined
    })
  }

  /** How many clients are connected. */
  get connections(): number {
    return this.#connections.size
  }

  #checkTimes(): void {
    const now = Date.now()
    for (const connection of this.#connections) connection.checkTime(now)
  }

  /** Close the listeners first. Lets responses under way end, for at most `graceMillis`; then closes what is left. */
  async close(graceMillis = 0): Promise<void> {
    const all = [...this.#connections]
    for (const connection of all) connection.retire()
    const ended = Promise.all(all.map((connection) => connection.closed))
    if (graceMillis > 0) {
      let timer: NodeJS.Timeout | undefined
      await Promise.race([ended, new Promise<void>((resolve) => (timer = setTimeout(resolve, graceMillis)))])
      clearTimeout(timer)
    }
    for (const connection of all) connection.destroy()
    await ended
    clearInterval(this.#sweep)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
