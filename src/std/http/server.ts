import type { Socket } from "node:net"
import { TurnQueue } from "../turns.ts"
import { Connection, type ConnectionLimits, type HttpHandler } from "./connection.ts"
import type { Peer } from "./request.ts"
import type { Unread } from "./taken.ts"

const defaultLimits: ConnectionLimits = {
  headBytes: 2 * 1024 * 1024,
  headTime: 60_000,
  idleTime: 30 * 60_000,
  lingerTime: 10_000,
}

/** How long responses may take to end when a server is closed, in milliseconds: those that have begun, and those that are still worked on. */
export interface CloseGrace {
  readonly begun: number
  readonly awaited: number
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
  readonly #turns = new TurnQueue("newest too")
  #sweep: NodeJS.Timeout | undefined

  /** @param unread the system's word; without it nothing is ever unread */
  constructor(handler: HttpHandler, limits: Partial<ConnectionLimits> = {}, unread: Unread = () => 0) {
    this.#handler = async (request, response) => {
      await this.#turns.enter()
      await handler(request, response)
    }
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

  /** Close the listeners first. Lets responses under way end for a while; then closes what is left. */
  async close({ begun, awaited }: CloseGrace = { begun: 0, awaited: 0 }): Promise<void> {
    const all = [...this.#connections]
    for (const connection of all) connection.retire()
    await endedWithin(all, begun)
    // Streams may go on for ever; a client whose answer has not begun waits for a result.
    const left = all.filter((connection) => connection.awaited)
    await endedWithin(left, left.length > 0 ? awaited - begun : 0)
    for (const connection of all) connection.destroy()
    await Promise.all(all.map((connection) => connection.closed))
    clearInterval(this.#sweep)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Resolves when all connections are closed, and after `millis` at the latest. */
async function endedWithin(connections: readonly Connection[], millis: number): Promise<void> {
  if (millis <= 0) return
  let timer: NodeJS.Timeout | undefined
  await Promise.race([
    Promise.all(connections.map((connection) => connection.closed)),
    new Promise<void>((resolve) => (timer = setTimeout(resolve, millis))),
  ])
  clearTimeout(timer)
}
