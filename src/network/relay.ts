import { connect, createServer, type Server, type Socket } from "node:net"

/** How long a container may take to accept a connection, in milliseconds. */
const patience = 10_000

/**
 * Passes TCP connections to an address of the host on to a container, where the kernel cannot: from IPv6 to a container that
 * has IPv4 only, and from ::1, which is not routed. The container sees the host as the client.
 */
export class Relay implements Disposable {
  readonly #server: Server
  readonly #connections = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
  }

  /** Listens in the background; what goes wrong is told to `failed`. */
  static open(
    from: { readonly address: string; readonly port: number },
    to: { readonly address: string; readonly port: number },
    failed: (error: Error) => void,
  ): Relay {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
    const relay = new Relay(server)
    server.on("error", failed)
    server.on("connection", (client) => relay.#pass(client, to))
    server.listen({ host: from.address, port: from.port, ipv6Only: from.address.includes(":") })
    server.unref()
    return relay
  }

  #pass(client: Socket, to: { readonly address: string; readonly port: number }): void {
    const server = connect({ host: to.address, port: to.port, allowHalfOpen: true })
    const timer = setTimeout(() => server.destroy(), patience)
    server.once("connect", () => clearTimeout(timer))
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#connections.add(one)
      one.on("error", () => one.destroy())
      one.once("close", () => {
        clearTimeout(timer)
        this.#connections.delete(one)
        other.destroySoon()
      })
      one.pipe(other)
    }
    client.resume()
  }

  [Symbol.dispose](): void {
    this.#server.close()
    for (const connection of this.#connections) connection.destroy()
  }
}
