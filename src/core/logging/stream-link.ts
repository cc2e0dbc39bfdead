import { connect as connectPlain, type Socket } from "node:net"
import { connect as connectSecure } from "node:tls"
import { Failure } from "../../errors/failure.ts"
import { tlsName } from "../../std/tls-name.ts"

export type LinkTarget =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "tls"; readonly host: string; readonly port: number; readonly tls: TlsOptions }

/** Contents of PEM files. */
export interface TlsOptions {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly skipVerify: boolean
}

/** Milliseconds that a server may take to answer a connection, and to take the last bytes before it is closed. */
const connectTimeout = 10_000
const closeTimeout = 1000

/** A stream to a server of logs, connected anew when it broke. */
export class StreamLink {
  readonly #target: LinkTarget
  #socket: Socket | undefined
  #received: Buffer = Buffer.alloc(0)
  #wake: () => void = () => {}

  constructor(target: LinkTarget) {
    this.#target = target
  }

  /** Connects, unless it is connected. @throws unavailable in the words of Go's dialer */
  async open(): Promise<void> {
    if (this.#socket && !this.#socket.destroyed && this.#socket.writable) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const socket = start(this.#target)
    socket.once(this.#target.kind === "tls" ? "secureConnect" : "connect", resolve)
    socket.on("error", reject)
    socket.on("close", () => this.#wake())
    socket.on("data", (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes])
      this.#wake()
    })
    socket.unref()
    const late = setTimeout(
      () => socket.destroy(Object.assign(new Error("nobody answered"), { code: "ETIMEDOUT" })),
      connectTimeout,
    )
    try {
      await promise
    } catch (error) {
      socket.destroy()
      throw dialFailure(this.#target, error)
    } finally {
      clearTimeout(late)
    }
    this.#received = Buffer.alloc(0)
    this.#socket = socket
  }

  /** Resolves when the bytes have left this process. @throws unavailable */
  async write(bytes: Uint8Array): Promise<void> {
    await this.open()
    const socket = this.#socket!
    await new Promise<void>((resolve, reject) => {
      const closed = () => reject(new Failure("unavailable", "the connection was closed by the server of logs"))
      socket.once("close", closed)
      socket.write(bytes, (error) => {
        socket.off("close", closed)
        if (error) reject(error)
        else resolve()
      })
    })
  }

  /** Waits until what was received since the connection was made contains `bytes`. @throws unavailable after `milliseconds` */
  async receive(bytes: Buffer, milliseconds: number): Promise<void> {
    const late = AbortSignal.timeout(milliseconds)
    while (!this.#received.includes(bytes)) {
      if (late.aborted || !this.#socket || this.#socket.destroyed) {
        this.drop()
        throw new Failure("unavailable", "the server of logs did not acknowledge a message")
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        late.addEventListener("abort", () => resolve(), { once: true })
      })
    }
    this.#received = this.#received.subarray(this.#received.indexOf(bytes) + bytes.length)
  }

  drop(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  /** Closes after everything that was written is out, or soon anyway. What waits for the server then fails. */
  async close(): Promise<void> {
    const socket = this.#socket
    this.#socket = undefined
    if (!socket || socket.destroyed) return
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, closeTimeout)
      socket.once("close", resolve)
      socket.end(() => {
        clearTimeout(late)
        resolve()
      })
    })
    socket.destroy()
  }
}

function start(target: LinkTarget): Socket {
  if (target.kind === "unix") return connectPlain({ path: target.path })
  const { host, port } = target
  if (target.kind === "tcp") return connectPlain({ host, port })
  const { skipVerify, ...files } = target.tls
  return connectSecure({ ...tlsName(host), port, rejectUnauthorized: !skipVerify, ...files })
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect: connection refused",
  ENOENT: "connect: no such file or directory",
  ETIMEDOUT: "i/o timeout",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
}

function dialFailure(target: LinkTarget, error: unknown): Failure {
  const { code, message } = error as { code?: string; message: string }
  const where = target.kind === "unix" ? target.path : `${target.host}:${target.port}`
  const network = target.kind === "unix" ? "unix" : "tcp"
  if (code === "ENOTFOUND" && target.kind !== "unix") {
    return new Failure("unavailable", `dial tcp: lookup ${target.host}: no such host`, error)
  }
  return new Failure("unavailable", `dial ${network} ${where}: ${(code && reasons[code]) ?? message}`, error)
}
