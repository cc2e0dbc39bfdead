import { connect, type Socket } from "node:net"
import { connect as connectTls, type SecureContext } from "node:tls"
import { Failure } from "../errors/failure.ts"
import { build } from "../std/build.ts"
import { ByteChannel } from "../std/http/byte-channel.ts"
import { isFramed, type ResponseHead, readBody, readHead } from "../std/http/client-message.ts"
import { type ProxySettings, proxyFor } from "../std/http/proxy.ts"
import { openTunnel, proxyAuthorization } from "../std/http/proxy-tunnel.ts"
import { tlsName } from "../std/tls-name.ts"
import { connectionFailure, proxyFailure } from "./connection-failure.ts"

/** How the TLS of one host is done; absent parts are the system's. */
export interface TlsSettings {
  readonly context: SecureContext
  /** Whether the host's certificate must be valid. */
  readonly verify: boolean
}

export interface HttpBody {
  /** Bytes; unknown lengths are sent chunked. */
  readonly length?: number
  /** Called once per attempt. */
  open(): AsyncIterable<Uint8Array>
  /** Whether the server keeps what it got of a broken body: then only the caller knows what to send next. */
  readonly kept?: boolean
}

export interface HttpRequest {
  readonly method: string
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: HttpBody
  readonly tls?: TlsSettings
  /** Milliseconds for connecting, and without a byte; where it is shorter than the client's own. */
  readonly patience?: number
  readonly signal?: AbortSignal
}

export interface HttpAnswer extends ResponseHead {
  readonly url: URL
  /** May be read once. Leaving it early closes the connection. */
  readonly body: AsyncIterable<Uint8Array>
  /** Closes the connection when the body is not going to be read. */
  discard(): void
}

export interface HttpClientOptions {
  readonly proxies: ProxySettings
  /** Milliseconds until a connection must stand. */
  readonly dialTimeout?: number
  /** Milliseconds without a byte after which an answer counts as lost. */
  readonly stallTimeout?: number
}

interface Connection {
  readonly channel: ByteChannel
  readonly socket: Socket
  /** The proxy that forwards plain requests: they name their whole target. */
  readonly forwarder?: URL
}

/** A connection idle for longer is not used again. Milliseconds. */
const reusableFor = 15_000
const idlePerOrigin = 8

/**
 * Requests over HTTP/1.1 with connections kept for reuse, through the proxies that the settings name. It follows no redirects and knows
 * nothing of registries.
 */
export class HttpClient implements Disposable {
  readonly #options: HttpClientOptions
  readonly #idle = new Map<string, { connection: Connection; since: number }[]>()
  readonly #contexts = new WeakMap<SecureContext, number>()
  #nextContext = 1
  #proxies: ProxySettings

  constructor(options: HttpClientOptions) {
    this.#options = options
    this.#proxies = options.proxies
  }

  /** Takes over other proxies. What is under way goes on as it began; connections that wait for a request are not used any more. */
  configure(proxies: ProxySettings): void {
    this.#proxies = proxies
    this.#closeIdle()
  }

  /** @throws unavailable when the host cannot be reached, in Go's words */
  async request(request: HttpRequest): Promise<HttpAnswer> {
    const key = this.#key(request)
    for (;;) {
      request.signal?.throwIfAborted()
      const reused = this.#reuse(key)
      const connection = reused ?? (await this.#connect(request))
      try {
        return await this.#exchange(request, connection, key)
      } catch (error) {
        connection.socket.destroy()
        request.signal?.throwIfAborted()
        // An idle connection may have been closed in the meantime: that says nothing about the host.
        if (!reused || request.body?.kept || error instanceof StalledError)
          throw connectionFailure(request.method, request.url, error)
      }
    }
  }

  [Symbol.dispose](): void {
    this.#closeIdle()
  }

  #closeIdle(): void {
    for (const kept of this.#idle.values()) for (const { connection } of kept) connection.socket.destroy()
    this.#idle.clear()
  }

  async #exchange(request: HttpRequest, connection: Connection, key: string): Promise<HttpAnswer> {
    const { channel, socket } = connection
    const abort = () => void socket.destroy()
    request.signal?.addEventListener("abort", abort, { once: true })
    const settled = () => request.signal?.removeEventListener("abort", abort)
    try {
      socket.write(requestHead(request, connection.forwarder))
      const watch = new StallWatch(socket, shorter(this.#options.stallTimeout ?? 60_000, request.patience))
      let answered = false
      const sending = request.body && send(channel, request.body, watch, () => answered)
      const heading = readHead(channel)
      // An answer that comes before all is sent is a refusal: it tells more than the broken upload.
      if (sending) await Promise.race([sending.then(() => heading), heading])
      const head = await watch.guard(() => heading)
      answered = true
      const settings = { request, connection, key, watch, settled, clean: !sending || (await isDone(sending)) }
      const body = this.#body(head, settings)
      // A bodiless answer frees the connection without being read.
      if (isBodiless(request.method, head)) for await (const _ of body);
      return { ...head, url: request.url, body, discard: abort }
    } catch (error) {
      settled()
      throw error
    }
  }

  async *#body(
    head: ResponseHead,
    parts: {
      readonly request: HttpRequest
      readonly connection: Connection
      readonly key: string
      readonly watch: StallWatch
      readonly settled: () => void
      readonly clean: boolean
    },
  ): AsyncGenerator<Uint8Array> {
    const { request, connection, watch } = parts
    let complete = false
    try {
      const source = readBody(connection.channel, head, request.method)[Symbol.asyncIterator]()
      for (;;) {
        const next = await watch.guard(() => source.next())
        if (next.done) break
        yield next.value
      }
      complete = true
    } catch (error) {
      request.signal?.throwIfAborted()
      throw connectionFailure(request.method, request.url, error)
    } finally {
      parts.settled()
      const reusable = complete && parts.clean && !connection.channel.done
      if (reusable && (isFramed(head) || request.method === "HEAD")) this.#keep(parts.key, connection)
      else connection.socket.destroy()
    }
  }

  #key({ url, tls }: HttpRequest): string {
    if (!tls) return url.origin
    let context = this.#contexts.get(tls.context)
    if (context === undefined) {
      context = this.#nextContext++
      this.#contexts.set(tls.context, context)
    }
    return `${url.origin} ${context} ${tls.verify}`
  }

  #reuse(key: string): Connection | undefined {
    const kept = this.#idle.get(key)
    for (let entry = kept?.pop(); entry; entry = kept!.pop()) {
      if (!entry.connection.channel.done && performance.now() - entry.since < reusableFor) return entry.connection
      entry.connection.socket.destroy()
    }
    return undefined
  }

  #keep(key: string, connection: Connection): void {
    const kept = this.#idle.get(key) ?? []
    this.#idle.set(key, kept)
    kept.push({ connection, since: performance.now() })
    if (kept.length > idlePerOrigin) kept.shift()!.connection.socket.destroy()
    connection.socket.unref()
    const expiry = setTimeout(() => {
      const at = kept.findIndex((entry) => entry.connection === connection)
      if (at < 0 || performance.now() - kept[at]!.since < reusableFor) return
      kept.splice(at, 1)
      connection.socket.destroy()
    }, reusableFor + 10)
    expiry.unref()
  }

  async #connect(request: HttpRequest): Promise<Connection> {
    const { url, tls, signal } = request
    const proxy = proxyFor(this.#proxies, url)
    const target = proxy ?? url
    const timeout = shorter(this.#options.dialTimeout ?? 30_000, request.patience)
    const opened: Socket[] = []
    let reached = proxy === undefined
    const abandon = () => opened.map((socket) => socket.destroy())
    signal?.addEventListener("abort", abandon, { once: true })
    try {
      let socket: Socket = opened[opened.push(dial(target)) - 1]!
      await connected(socket, "connect", timeout)
      if (proxy?.protocol === "https:") {
        socket = opened[opened.push(connectTls({ socket, ...tlsName(hostOf(proxy)) })) - 1]!
        await connected(socket, "secureConnect", timeout)
      }
      reached = true
      if (url.protocol !== "https:") {
        return { socket, channel: new ByteChannel(socket), ...(proxy ? { forwarder: proxy } : {}) }
      }
      if (proxy) await openTunnel(socket, proxy, `${url.hostname}:${portOf(url)}`)
      const secured = connectTls({
        socket,
        ...tlsName(hostOf(url)),
        ...(tls ? { secureContext: tls.context, rejectUnauthorized: tls.verify } : {}),
      })
      opened.push(secured)
      await connected(secured, "secureConnect", timeout)
      return { socket: secured, channel: new ByteChannel(secured) }
    } catch (error) {
      abandon()
      signal?.throwIfAborted()
      throw reached ? connectionFailure(request.method, url, error) : proxyFailure(request.method, url, target, error)
    } finally {
      signal?.removeEventListener("abort", abandon)
    }
  }
}

const shorter = (own: number, patience: number | undefined): number => Math.min(own, patience ?? own)

const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "")

const portOf = (url: URL): number => Number(url.port || (url.protocol === "https:" ? 443 : 80))

const dial = (url: URL): Socket => connect({ host: hostOf(url), port: portOf(url), noDelay: true })

const isBodiless = (method: string, head: ResponseHead): boolean =>
  method === "HEAD" || head.status === 204 || head.status === 304 || head.headers.get("content-length") === "0"

function requestHead(request: HttpRequest, forwarder: URL | undefined): string {
  const { method, url, body } = request
  const headers: Record<string, string> = {
    Host: url.host,
    "User-Agent": `barge/${build.version} (linux)`,
    Accept: "*/*",
    ...request.headers,
    ...(forwarder ? proxyAuthorization(forwarder) : {}),
  }
  if (body) {
    if (body.length === undefined) headers["Transfer-Encoding"] = "chunked"
    else headers["Content-Length"] = String(body.length)
  } else if (method === "POST" || method === "PUT" || method === "PATCH") headers["Content-Length"] = "0"
  const lines = Object.entries(headers).map(([name, value]) => {
    if (/[\r\n]/.test(value)) throw new Failure("invalidArgument", `header ${name} has a line break`)
    return `${name}: ${value}\r\n`
  })
  const target = forwarder ? url.href.replace(/#.*$/, "") : `${url.pathname}${url.search}`
  return `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n`
}

async function connected(socket: Socket, event: "connect" | "secureConnect", timeout: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new StalledError("i/o timeout")), timeout)
      socket.once("error", reject)
      socket.once("close", () => reject(new Error("EOF")))
      socket.once(event, () => {
        socket.off("error", reject)
        resolve()
      })
    })
  } finally {
    clearTimeout(timer)
  }
}

async function send(
  channel: ByteChannel,
  body: HttpBody,
  watch: StallWatch,
  answered: () => boolean,
): Promise<"sent" | "cut"> {
  try {
    for await (const chunk of body.open()) {
      if (answered()) return "cut"
      if (chunk.length === 0) continue
      if (body.length === undefined) channel.socket.write(`${chunk.length.toString(16)}\r\n`)
      await watch.guard(() => channel.write(chunk))
      if (body.length === undefined) channel.socket.write("\r\n")
    }
    if (body.length === undefined) channel.socket.write("0\r\n\r\n")
    return "sent"
  } catch (error) {
    if (!answered()) channel.socket.destroy(error as Error)
    return "cut"
  }
}

const isDone = async (sending: Promise<"sent" | "cut">): Promise<boolean> =>
  (await Promise.race([sending, Promise.resolve("cut")])) === "sent"

/** A peer that stopped talking. */
export class StalledError extends Error {}

/** Breaks a connection on which nothing has moved for a while. Time in which nobody waits does not count. */
class StallWatch {
  readonly #socket: Socket
  readonly #timeout: number

  constructor(socket: Socket, timeout: number) {
    this.#socket = socket
    this.#timeout = timeout
  }

  async guard<T>(step: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.#socket.destroy(new StalledError("i/o timeout")), this.#timeout)
    try {
      return await step()
    } finally {
      clearTimeout(timer)
    }
  }
}
