import { createServer, type Server, type Socket } from "node:net"
import { createServer as createTlsServer, type Server as TlsServer } from "node:tls"
import { Failure, messageOf } from "../../errors/failure.ts"

/** PEM texts. With `ca` every client must show a certificate that it signed. */
export interface TlsKeys {
  readonly cert: string | Buffer
  readonly key: string | Buffer
  readonly ca?: string | Buffer
}

export interface TlsListening {
  /** Called with every connection whose handshake is done. */
  readonly accept: (socket: Socket) => void
  /** Milliseconds from a connection to the end of its handshake; a minute by default. */
  readonly handshakeTime?: number
}

/** The first byte of a TLS handshake (RFC 8446, section 5.1). */
const handshake = 0x16
/** Milliseconds that a refused client has to read why. */
const lingerTime = 10_000

/** What a client is told that speaks HTTP where TLS is expected: the words of Go's servers, which people look for. */
const plainRefusal = [
  "HTTP/1.0 400 Bad Request",
  "Content-Type: text/plain; charset=utf-8",
  "Connection: close",
  "",
  "Client sent an HTTP request to an HTTPS server.\n",
].join("\r\n")

/**
 * A TLS server that tells clients in plain HTTP what is wrong. A TLS server by itself closes their connections without a word, so
 * a plain server takes the connections, looks at the first byte and hands on what begins a handshake.
 */
export class TlsServerWithPlainAnswer {
  /** Listens on the address. */
  readonly front: Server
  readonly #secured: TlsServer
  readonly #handshakeTime: number
  /** Connections before the end of their handshake, and refused ones, with the timer that ends each. */
  readonly #waiting = new Map<Socket, NodeJS.Timeout>()

  constructor(keys: TlsKeys, { accept, handshakeTime = 60_000 }: TlsListening) {
    this.#handshakeTime = handshakeTime
    this.#secured = createTlsServer(tlsOptions(keys))
    this.#secured.on("secureConnection", (socket) => {
      const { _parent: raw } = socket as { _parent?: Socket }
      if (raw) this.#settle(raw)
      accept(socket)
    })
    this.#secured.on("tlsClientError", (_error: Error, socket: Socket | undefined) => void socket?.destroy())
    this.front = createServer({ allowHalfOpen: true }, (socket) => this.#meet(socket))
  }

  /** Takes other keys for connections from now on. @throws invalidArgument for keys that cannot be used */
  renew(keys: TlsKeys): void {
    try {
      this.#secured.setSecureContext(tlsOptions(keys))
    } catch (error) {
      throw new Failure("invalidArgument", `the new certificate cannot be used: ${messageOf(error)}`, error)
    }
  }

  /** Stops listening and ends connections that are not secured yet; the others belong to `accept`. */
  close(): void {
    if (this.front.listening) this.front.close()
    for (const socket of this.#waiting.keys()) socket.destroy()
  }

  #meet(socket: Socket): void {
    this.#endAfter(socket, this.#handshakeTime)
    // An early reset is nothing to tell; later errors are told by the secured socket.
    socket.on("error", () => socket.destroy())
    socket.on("close", () => this.#settle(socket))
    socket.once("end", () => this.#waiting.has(socket) && socket.destroy())
    socket.once("data", (first: Buffer) => {
      if (first[0] === handshake) {
        socket.pause()
        socket.unshift(first)
        this.#secured.emit("connection", socket)
      } else if (isMethod(first[0]!)) this.#refuse(socket)
      else socket.destroy()
    })
  }

  #refuse(socket: Socket): void {
    this.#settle(socket)
    this.#endAfter(socket, lingerTime)
    // Closing with input unread would destroy the answer on its way.
    socket.resume()
    socket.end(plainRefusal)
  }

  #endAfter(socket: Socket, millis: number): void {
    this.#waiting.set(
      socket,
      setTimeout(() => socket.destroy(), millis),
    )
  }

  #settle(socket: Socket): void {
    clearTimeout(this.#waiting.get(socket))
    this.#waiting.delete(socket)
  }
}

/** Whether a byte can begin an HTTP method in use. */
const isMethod = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a

const tlsOptions = ({ cert, key, ca }: TlsKeys) => ({
  cert,
  key,
  ...(ca ? { ca, requestCert: true, rejectUnauthorized: true } : {}),
  minVersion: "TLSv1.2" as const,
  allowHalfOpen: true,
})
