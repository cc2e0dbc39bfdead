import type { Socket } from "node:net"
import type { HijackedStream } from "../hijacked-stream.ts"
import { ByteQueue } from "./byte-queue.ts"
import { ChunkedDecoder } from "./chunked.ts"
import { BadRequest, parseHead, type RequestHead } from "./head.ts"
import { Reading } from "./reading.ts"
import { HttpRequest, type Peer } from "./request.ts"
import { HttpResponse, type ResponseLink } from "./response.ts"
import type { SharedRoom } from "./shared-room.ts"
import { reasons } from "./status.ts"
import { taken, type Unread } from "./taken.ts"

export type HttpHandler = (request: HttpRequest, response: HttpResponse) => Promise<void> | void

/** Bytes and milliseconds. */
export interface ConnectionLimits {
  readonly headBytes: number
  /** From a head's first byte to its last. */
  readonly headTime: number
  /** Between requests. */
  readonly idleTime: number
  /** How long a finished connection may take to be closed by the client. */
  readonly lingerTime: number
  /** Bounds the request bodies of all connections together; absent, each is bounded by itself. */
  readonly bodyRoom?: SharedRoom
}

/** An unread body up to this size is read and dropped so that the connection can be used again. */
const drainable = 256 * 1024
/** Methods whose bodies mean nothing (RFC 9110, sections 9.3.1, 9.3.2 and 9.3.5). */
const meaningless = new Set(["GET", "HEAD", "DELETE"])
/** Bytes of further requests that are kept while one is being answered. */
const pipelineBytes = 16 * 1024

/**
 * One connection: requests one after the other, each answered before the next is looked at. States: `head` (waiting for a
 * request or within its head), `body` (within a body), `busy` (request complete, response not), `hijacked`, `closing`
 * (input is dropped until the client closes).
 */
export class Connection implements ResponseLink {
  readonly #socket: Socket
  readonly #reading: Reading
  readonly #handler: HttpHandler
  readonly #limits: ConnectionLimits
  readonly #peer: Peer
  readonly #unread: Unread
  #state: "head" | "body" | "busy" | "hijacked" | "closing" = "head"
  #pending: Buffer = Buffer.alloc(0)
  #pendingBytes = 0
  #searched = 0
  #since = Date.now()
  #remaining = 0
  #chunked: ChunkedDecoder | undefined
  #body: ByteQueue | undefined
  #head: RequestHead | undefined
  #request: HttpRequest | undefined
  #response: HttpResponse | undefined
  #hijack: ByteQueue | undefined
  #handling = false
  #inputEnded = false
  #draining = false
  #room: (() => void)[] = []
  #lastRequest = false
  readonly closed: Promise<void>

  constructor(socket: Socket, handler: HttpHandler, limits: ConnectionLimits, peer: Peer, unread: Unread) {
    this.#socket = socket
    this.#reading = new Reading(socket)
    this.#handler = handler
    this.#limits = limits
    this.#peer = peer
    this.#unread = unread
    socket.on("data", (chunk: Buffer) => this.#onData(chunk))
    socket.on("end", () => this.#onEnd())
    socket.on("drain", () => this.#onRoom())
    socket.on("error", () => socket.destroy())
    this.closed = new Promise((resolve) =>
      socket.on("close", () => {
        this.#onClose()
        resolve()
      }),
    )
  }

  /** Closes when idle, otherwise after the response under way. */
  retire(): void {
    this.#lastRequest = true
    if (this.#state === "head") this.#socket.destroy()
  }

  /** Whether a request is worked on whose response has not begun. */
  get awaited(): boolean {
    return this.#handling && this.#response?.started === false
  }

  /** Closes now, whatever is under way. */
  destroy(): void {
    this.#socket.destroy()
  }

  /** Closes a connection that takes too long over its head, idles too long, or is not closed by its client. */
  checkTime(now: number): void {
    const age = now - this.#since
    if (this.#state === "closing" && age > this.#limits.lingerTime) this.#socket.destroy()
    else if (this.#state === "head" && age > (this.#pendingBytes > 0 ? this.#limits.headTime : this.#limits.idleTime))
      this.#pendingBytes > 0
        ? this.#refuse(new BadRequest(408, "the request head took too long"))
        : this.#socket.destroy()
  }

  write(bytes: string | Uint8Array): Promise<void> | undefined {
    if (this.#socket.destroyed || !this.#socket.writable) return undefined
    const room = typeof bytes === "string" ? this.#socket.write(bytes, "utf8") : this.#socket.write(bytes)
    return room ? undefined : new Promise((resolve) => this.#room.push(resolve))
  }

  reusable(): boolean {
    if (!this.#head!.keepAlive || this.#lastRequest || this.#isLast) return false
    return this.#state !== "body" || (this.#chunked === undefined && this.#remaining <= drainable && this.#invited)
  }

  /** Whether the client sends nothing more, and nothing waits that it has sent. */
  get #isLast(): boolean {
    return this.#inputEnded && this.#pendingBytes === 0
  }

  /** Whether the client was told, or needs not be told, to send its body. */
  get #invited(): boolean {
    return this.#body!.onFirstRead === undefined
  }

  abort(): void {
    this.#socket.destroy()
  }

  takeOver(): HijackedStream {
    const input = new ByteQueue(this.#flow)
    this.#state = "hijacked"
    this.#hijack = input
    if (this.#pendingBytes > 0) input.push(this.#pending.subarray(0, this.#pendingBytes))
    this.#clearPending()
    if (this.#inputEnded) input.end()
    this.#flow.resume()
    return {
      input,
      write: async (bytes) => {
        await this.write(bytes)
      },
      taken: () => taken(this.#socket, this.#unread),
      closeWrite: () => this.#closeWrite(),
      abort: () => this.#socket.destroy(),
      closed: this.closed,
    }
  }

  readonly #flow = { pause: () => this.#reading.stop(), resume: () => this.#reading.start() }

  async #closeWrite(): Promise<void> {
    if (this.#socket.destroyed || this.#socket.writableEnded) return
    await new Promise<void>((resolve) => {
      this.#room.push(resolve)
      this.#socket.end(() => resolve())
    })
  }

  #onData(chunk: Buffer): void {
    if (this.#state === "hijacked") this.#hijack!.push(chunk)
    else if (this.#state === "body" && this.#pendingBytes === 0) {
      const used = this.#feedBody(chunk)
      if (used < chunk.length) {
        this.#append(chunk.subarray(used))
        this.#pump()
      }
    } else if (this.#state !== "closing") {
      this.#append(chunk)
      this.#pump()
    }
  }

  /** Keeps bytes that cannot be used yet; the buffer grows by doubling. */
  #append(chunk: Buffer): void {
    if (this.#pendingBytes === 0) {
      this.#pending = chunk
      this.#pendingBytes = chunk.length
      if (this.#state === "head") this.#since = Date.now()
      return
    }
    const needed = this.#pendingBytes + chunk.length
    if (needed > this.#pending.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#pending.length * 2))
      grown.set(this.#pending.subarray(0, this.#pendingBytes))
      this.#pending = grown
    }
    this.#pending.set(chunk, this.#pendingBytes)
    this.#pendingBytes = needed
  }

  #clearPending(): void {
    this.#pending = Buffer.alloc(0)
    this.#pendingBytes = 0
    this.#searched = 0
  }

  #consume(bytes: number): void {
    this.#pending = this.#pending.subarray(bytes, this.#pendingBytes)
    this.#pendingBytes = this.#pending.length
    this.#searched = 0
  }

  #pump(): void {
    while (this.#pendingBytes > 0) {
      if (this.#state === "head") {
        if (!this.#takeHead()) return
      } else if (this.#state === "body") {
        this.#consume(this.#feedBody(this.#pending.subarray(0, this.#pendingBytes)))
      } else {
        if (this.#state === "busy" && this.#pendingBytes > pipelineBytes) this.#flow.pause()
        return
      }
    }
  }

  /** @returns false when the head is not complete yet */
  #takeHead(): boolean {
    const bytes = this.#pending.subarray(0, this.#pendingBytes)
    // Empty lines before a request are skipped (RFC 9112, section 2.2).
    let start = 0
    while (bytes[start] === 13 && bytes[start + 1] === 10) start += 2
    if (start > 0) {
      this.#consume(start)
      return true
    }
    if (bytes[0] === 13 && bytes.length === 1) return false
    // A client that begins TLS here, as many try first, is told at once: it would wait for an answer that never comes.
    if (bytes[0]! < 0x21 || bytes[0]! > 0x7e) {
      this.#refuse(new BadRequest(400, "malformed request line"))
      return false
    }
    const end = bytes.indexOf("\r\n\r\n", this.#searched, "latin1")
    if (end < 0 || end > this.#limits.headBytes) {
      if (this.#pendingBytes > this.#limits.headBytes) this.#refuse(new BadRequest(431, "request head too large"))
      else if (bytes.indexOf("\n\n", this.#searched, "latin1") >= 0)
        this.#refuse(new BadRequest(400, "lines must end with CR LF"))
      this.#searched = Math.max(0, bytes.length - 3)
      return false
    }
    const text = bytes.toString("latin1", 0, end)
    this.#consume(end + 4)
    try {
      this.#begin(parseHead(text))
    } catch (error) {
      this.#refuse(error instanceof BadRequest ? error : new BadRequest(400, "malformed request"))
      return false
    }
    return true
  }

  #begin(head: RequestHead): void {
    const { bodyRoom } = this.#limits
    const body = new ByteQueue(this.#flow, bodyRoom && head.body.kind !== "none" ? { room: bodyRoom } : {})
    // Nothing reads such a body: it would occupy the room that all share for as long as its client takes over the answer.
    if (bodyRoom && meaningless.has(head.method)) body.discard()
    this.#head = head
    this.#body = body
    this.#draining = false
    this.#chunked = head.body.kind === "chunked" ? new ChunkedDecoder() : undefined
    this.#remaining = head.body.kind === "length" ? head.body.bytes : 0
    this.#state = head.body.kind === "none" ? "busy" : "body"
    if (head.body.kind === "none") body.end()
    const response = new HttpResponse(this, head)
    if (head.minor === 1 && this.#state === "body" && head.headers.lists("expect", "100-continue")) {
      body.onFirstRead = () => {
        if (!response.started) this.write("HTTP/1.1 100 Continue\r\n\r\n")
      }
    }
    this.#request = new HttpRequest(head, body, this.#peer)
    this.#response = response
    void this.#handle(this.#request, response, body)
  }

  async #handle(request: HttpRequest, response: HttpResponse, body: ByteQueue): Promise<void> {
    this.#handling = true
    try {
      await this.#handler(request, response)
      if (!response.started) response.send(500, { "Content-Type": "text/plain" }, "the request was not answered\n")
    } catch {
      if (!response.started) response.send(500, { "Content-Type": "text/plain" }, "internal error\n")
    }
    response.abort()
    this.#handling = false
    if (this.#state === "hijacked") {
      void this.#closeWrite()
      this.#linger()
    } else {
      // What of the body was not read must not occupy the room that all share.
      if (this.#socket.destroyed || this.#state === "busy") body.discard()
      this.#afterResponse()
    }
  }

  /** Goes on to the next request once the response is out and the body is used up. */
  #afterResponse(): void {
    if (this.#socket.destroyed) return
    if (!this.#response!.reuse) {
      void this.#closeWrite()
      this.#linger()
      return
    }
    if (this.#state === "body") {
      this.#draining = true
      this.#body!.discard()
      return
    }
    this.#state = "head"
    this.#since = Date.now()
    this.#request = undefined
    this.#response = undefined
    this.#body = undefined
    if (this.#isLast || this.#lastRequest) {
      this.#endSoon()
      return
    }
    this.#flow.resume()
    if (this.#pendingBytes > 0) this.#pump()
    if (this.#inputEnded) this.#settleInput()
  }

  /** What had waited when the client ended its side has been begun, unless it was no whole request. */
  #settleInput(): void {
    if (this.#state === "head") this.#endSoon()
    else if (this.#state !== "closing") this.#failUnended()
  }

  #endSoon(): void {
    this.#socket.end()
    this.#linger()
  }

  /** Ends the connection gently: closing with input unread would destroy what the client has not read yet. */
  #linger(): void {
    this.#state = "closing"
    this.#since = Date.now()
    this.#clearPending()
    this.#hijack?.discard()
    this.#body?.discard()
    this.#flow.resume()
    if (this.#inputEnded && !this.#socket.destroyed) void this.#closeWrite()
  }

  /** @returns how many of `chunk`'s bytes belong to the body */
  #feedBody(chunk: Buffer): number {
    const body = this.#body!
    let used: number
    if (this.#chunked) {
      try {
        used = this.#chunked.push(chunk, (data) => body.push(data))
      } catch (error) {
        body.fail(error as Error)
        this.#lastRequest = true
        this.#state = "busy"
        if (this.#draining) this.#socket.destroy()
        return chunk.length
      }
    } else {
      const data = this.#remaining < chunk.length ? chunk.subarray(0, this.#remaining) : chunk
      used = data.length
      this.#remaining -= used
      body.push(data)
    }
    if (this.#chunked ? this.#chunked.done : this.#remaining === 0) {
      body.end()
      this.#state = "busy"
      if (this.#draining) this.#afterResponse()
    }
    return used
  }

  #refuse(error: BadRequest): void {
    const text = `${error.status} ${reasons[error.status] ?? "Bad Request"}: ${error.message}\n`
    this.write(
      `HTTP/1.1 ${error.status} ${reasons[error.status] ?? "Bad Request"}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
    )
    this.#socket.end()
    this.#linger()
  }

  #onRoom(): void {
    const waiting = this.#room
    this.#room = []
    for (const resume of waiting) resume()
  }

  #onEnd(): void {
    this.#inputEnded = true
    if (this.#state === "hijacked") this.#hijack!.end()
    else if (this.#state === "head" || this.#state === "closing") this.#socket.end()
    else {
      this.#failUnended()
      if (this.#draining || !this.#handling) this.#socket.end()
    }
  }

  /** The client sends nothing more: a body that is not complete never will be, and nobody can stop the request. */
  #failUnended(): void {
    this.#body?.fail(new BadRequest(400, "the connection ended within the request body"))
    this.#request?.abandon()
  }

  #onClose(): void {
    this.#inputEnded = true
    this.#hijack?.end()
    this.#body?.fail(new BadRequest(400, "the connection ended within the request body"))
    if (this.#response && !this.#response.finished) this.#request?.abandon()
    this.#onRoom()
  }
}
