import { Failure } from "../errors/failure.ts"
import { UnixConnection } from "../linux/unix-connection.ts"
import { ByteChannel, type Wire } from "../std/http/byte-channel.ts"
import { isFramed, type ResponseHead, readBody, readHead } from "../std/http/client-message.ts"
import { type ProxySettings, proxyFor } from "../std/http/proxy.ts"
import { proxyAuthorization } from "../std/http/proxy-tunnel.ts"
import { decodeJson, encodeJson } from "../std/json.ts"
import type { Span } from "../trace/span.ts"
import { connectFailure, type Unreached } from "./connect-failure.ts"
import type { Host, TlsOptions } from "./host.ts"
import { type QueryValues, queryText } from "./query.ts"
import { ResponseError, responseError } from "./response-error.ts"

/** The newest version of the Engine API that this client speaks. */
export const newestApiVersion = "1.56"
/** What a daemon that does not tell its version speaks. */
const legacyApiVersion = "1.24"
/** How daemons refuse a version that they do not know yet. */
const tooNew = /client version \S+ is too new\. Maximum supported API version is ([\d.]+)/
/** A connection idle for longer may have been closed by the other side: it is not used again. Milliseconds. */
const reusableFor = 2000

export interface TransportOptions {
  readonly host: Host
  readonly tls?: TlsOptions
  readonly headers?: Readonly<Record<string, string>>
  /** The version to speak, instead of asking the daemon. */
  readonly apiVersion?: string
  /** The proxies that daemons on TCP are reached through. */
  readonly proxies?: ProxySettings
  /** What the daemon is called in messages. */
  readonly daemonName: string
  /** What a user can do when a daemon of this machine cannot be talked to. */
  readonly advice?: Unreached["advice"]
}

export interface Request {
  readonly query?: QueryValues
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as it comes, chunked. */
  readonly upload?: AsyncIterable<Uint8Array>
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

export interface Response extends ResponseHead {
  /** May be read once. Leaving it early closes the connection. */
  readonly body: AsyncIterable<Uint8Array>
}

/** A connection that left HTTP: raw bytes in both directions, each of which ends on its own. */
export interface Hijacked extends AsyncIterable<Uint8Array> {
  /** Whether the daemon frames several streams in one (stdcopy); undefined when it does not say. */
  readonly multiplexed: boolean | undefined
  write(bytes: Uint8Array): Promise<void>
  /** Tells the daemon that no more bytes come. It may go on sending. */
  closeWrite(): void
  close(): void
}

/** Requests to one daemon over HTTP/1.1, on a unix socket or TCP, with or without TLS. */
export class Transport {
  readonly options: TransportOptions
  /** When set, every request is a step of it and carries its `traceparent`. */
  trace: Span | undefined
  #version: Promise<string> | undefined
  /** The proxy in front of the daemon. */
  readonly #proxy: URL | undefined
  #idle: { readonly channel: ByteChannel; readonly since: number } | undefined
  readonly #open = new Set<Wire>()

  constructor(options: TransportOptions) {
    this.options = options
    const { host, tls, proxies = {} } = options
    if (host.kind === "tcp")
      this.#proxy = proxyFor(proxies, new URL(host.text.replace("tcp:", tls ? "https:" : "http:")))
    if (options.apiVersion) this.#version = Promise.resolve(options.apiVersion)
  }

  /** The API version spoken with this daemon: the newest that both sides know. */
  version(): Promise<string> {
    this.#version ??= this.#negotiate()
    return this.#version
  }

  /** The version in which the daemon has answered so far, without asking it again. */
  async spoken(): Promise<string> {
    return (await this.#version) ?? newestApiVersion
  }

  /** @throws ResponseError when the daemon refuses; unavailable when it cannot be reached */
  async request(method: string, path: string, request: Request = {}): Promise<Response> {
    if (request.upload) await this.version()
    return this.#versioned((version) => this.#send(method, `/v${version}${path}`, request))
  }

  /** A request that is answered with JSON. */
  async json<T>(method: string, path: string, request: Request = {}): Promise<T> {
    return decodeJson(await this.text(method, path, request)) as T
  }

  /** A request that is answered with text, or whose answer does not matter. */
  async text(method: string, path: string, request: Request = {}): Promise<string> {
    return readText((await this.request(method, path, request)).body)
  }

  /** A request after which the connection belongs to the caller. */
  async hijack(method: string, path: string, request: Request = {}): Promise<Hijacked> {
    const headers = { ...request.headers, Connection: "Upgrade", Upgrade: "tcp" }
    const { head, channel } = await this.#versioned(async (version) => {
      const full = `/v${version}${path}`
      const exchanged = await this.#exchange(method, full, { ...request, headers }, true)
      const { status } = exchanged.head
      if (status !== 101 && status !== 200) throw await this.#refusal(method, full, exchanged.head, exchanged.channel)
      return exchanged
    })
    const type = head.headers.get("content-type")
    return {
      multiplexed: type?.endsWith("multiplexed-stream") ? true : undefined,
      [Symbol.asyncIterator]: () => channel[Symbol.asyncIterator](),
      write: (bytes) => channel.write(bytes),
      closeWrite: () => {
        channel.socket.end()
      },
      close: () => channel.socket.destroy(),
    }
  }

  /** A connection on which nothing has been said yet. It belongs to the caller. */
  async open(): Promise<Wire> {
    return await this.#opened(true)
  }

  /** @param tunnel the connection is used for more than single requests */
  async #opened(tunnel: boolean): Promise<Wire> {
    const wire = await this.#dial(tunnel).catch((error) => {
      throw this.#unreachable(error)
    })
    this.#open.add(wire)
    wire.once("close", () => this.#open.delete(wire))
    return wire
  }

  /** Closes every connection, also those in use. */
  close(): void {
    for (const socket of this.#open) socket.destroy()
  }

  /**
   * Sends in the version negotiated. Before there is one, in the newest: a daemon that is older says so, and which
   * version it speaks; no other has to be asked first.
   */
  async #versioned<T>(send: (version: string) => Promise<T>): Promise<T> {
    if (this.#version) return send(await this.#version)
    try {
      return await send(newestApiVersion)
    } catch (error) {
      const spoken = error instanceof ResponseError && error.status === 400 && tooNew.exec(error.detail)?.[1]
      if (!spoken) throw error
      this.#version = Promise.resolve(spoken)
      return await send(spoken)
    }
  }

  /** Whether the daemon says that it has experimental features. */
  async experimental(): Promise<boolean> {
    return (await this.#ping()).headers.get("docker-experimental") === "true"
  }

  async #ping(): Promise<Response> {
    try {
      return await this.#send("HEAD", "/_ping", {})
    } catch (error) {
      if (!(error instanceof Failure) || error.kind === "unavailable" || error.kind === "permissionDenied") throw error
      const response = await this.#send("GET", "/_ping", {})
      await readText(response.body)
      return response
    }
  }

  async #negotiate(): Promise<string> {
    const daemons = (await this.#ping()).headers.get("api-version") || legacyApiVersion
    return compareVersions(daemons, newestApiVersion) < 0 ? daemons : newestApiVersion
  }

  async #send(method: string, path: string, request: Request): Promise<Response> {
    const { head, channel } = await this.#exchange(method, path, request)
    if (head.status >= 400) throw await this.#refusal(method, path, head, channel)
    const body = this.#body(method, head, channel)
    // A bodiless answer frees the connection without being read.
    if (method === "HEAD" || head.status === 204 || head.status === 304) await readText(body)
    return { ...head, body }
  }

  async *#body(method: string, head: ResponseHead, channel: ByteChannel): AsyncGenerator<Uint8Array> {
    let complete = false
    try {
      yield* readBody(channel, head, method)
      complete = true
    } finally {
      if (complete && (isFramed(head) || method === "HEAD") && !channel.done)
        this.#idle = { channel, since: performance.now() }
      else channel.socket.destroy()
    }
  }

  async #refusal(method: string, path: string, head: ResponseHead, channel: ByteChannel): Promise<Error> {
    const text = await readText(this.#body(method, head, channel))
    return responseError(head.status, head.headers.get("content-type"), text, path)
  }

  /** Sends a request and reads the head of its answer; an upload goes on while the answer comes. */
  async #exchange(method: string, path: string, request: Request, tunnel = false) {
    const span = this.trace?.child(`${method} ${path.replace(/^\/v[\d.]+/, "")}`)
    const forwarder = this.options.tls || tunnel ? undefined : this.#proxy
    const headers: Record<string, string> = {
      Host:
        this.options.host.kind === "tcp"
          ? new URL(`http://${this.options.host.text.slice(6)}`).host
          : "api.moby.localhost",
      "User-Agent": "Barge-Client (linux)",
      ...this.options.headers,
      ...request.headers,
      ...(span ? { traceparent: span.traceparent } : {}),
      ...(forwarder ? proxyAuthorization(forwarder) : {}),
    }
    const body = request.body === undefined ? "" : encodeJson(request.body)
    if (request.body !== undefined) headers["Content-Type"] = "application/json"
    if (request.upload) headers["Transfer-Encoding"] = "chunked"
    else if (body || method === "POST" || method === "PUT") headers["Content-Length"] = String(Buffer.byteLength(body))
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const target = forwarder ? `http://${headers["Host"]}${path}` : path
    const message = `${method} ${target}${queryText(request.query)} HTTP/1.1\r\n${lines.join("")}\r\n${body}`
    try {
      const channel = await this.#connection(tunnel)
      request.signal?.throwIfAborted()
      request.signal?.addEventListener("abort", () => channel.socket.destroy(), { once: true })
      try {
        channel.socket.write(message)
        let answered = false
        if (request.upload) void upload(channel, request.upload, () => answered)
        const head = await readHead(channel)
        answered = head.status >= 400
        span?.set({ status: head.status })
        span?.end()
        return { head, channel }
      } catch (error) {
        request.signal?.throwIfAborted()
        throw this.#unreachable(error)
      }
    } catch (error) {
      span?.end(error)
      throw error
    }
  }

  async #connection(tunnel: boolean): Promise<ByteChannel> {
    const own = tunnel && this.#proxy !== undefined
    const idle = own ? undefined : this.#idle
    if (!own) this.#idle = undefined
    if (idle && !idle.channel.done && performance.now() - idle.since < reusableFor) return idle.channel
    idle?.channel.socket.destroy()
    return new ByteChannel(await this.#opened(tunnel))
  }

  async #dial(tunnel: boolean): Promise<Wire> {
    const { host, tls } = this.options
    if (host.kind === "unix") return await UnixConnection.open(host.path)
    if (host.kind === "ssh") return (await import("./ssh.ts")).dialSsh(host)
    return await (await import("./dial.ts")).dialTcp({ host, tls, proxy: this.#proxy, tunnel })
  }

  #unreachable(error: unknown): unknown {
    if (error instanceof Failure && error.message !== "EOF") return error
    const { host, tls, daemonName, advice } = this.options
    return connectFailure(error, { host, tls: tls !== undefined, daemonName, advice })
  }
}

/** Sends a body chunked. A daemon that answers with an error or goes away ends it: the answer tells why. */
async function upload(channel: ByteChannel, source: AsyncIterable<Uint8Array>, answered: () => boolean): Promise<void> {
  try {
    for await (const chunk of source) {
      if (answered()) return
      if (chunk.length === 0) continue
      channel.socket.write(`${chunk.length.toString(16)}\r\n`)
      channel.socket.write(chunk)
      await channel.write("\r\n")
    }
    await channel.write("0\r\n\r\n")
  } catch (error) {
    channel.socket.destroy(error as Error)
  }
}

/** All of a body as text. */
export async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** Orders API versions (`1.9` before `1.10`). @returns negative, zero or positive */
export function compareVersions(one: string, other: string): number {
  const [oneMajor = 0, oneMinor = 0] = one.split(".").map(Number)
  const [otherMajor = 0, otherMinor = 0] = other.split(".").map(Number)
  return oneMajor - otherMajor || oneMinor - otherMinor
}
