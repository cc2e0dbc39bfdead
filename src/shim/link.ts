import { connect, type Socket } from "node:net"
import { Failure } from "../errors/failure.ts"
import type { Span } from "../trace/span.ts"
import {
  type Frame,
  FrameParser,
  frameTypes,
  jsonFrame,
  maxAnswer,
  type WireAnswer,
  type WireEvent,
  type WireRequest,
} from "./protocol.ts"

interface Waiting {
  readonly span: Span | undefined
  resolve(value: unknown): void
  reject(error: unknown): void
}

/** Connects to the shim's socket. @throws Node's error (ENOENT, ECONNREFUSED, …) when nobody listens */
export async function dial(path: string): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once("error", reject)
    socket.once("connect", () => {
      socket.removeListener("error", reject)
      resolve(socket)
    })
  })
}

/** The daemon's end of a control connection: requests out, answers and events in. */
export class Link {
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #waiting = new Map<number, Waiting>()
  #next = 1
  #open = true

  constructor(socket: Socket, onEvent: (event: WireEvent) => void) {
    this.#socket = socket
    const parser = new FrameParser(maxAnswer)
    socket.on("error", () => {})
    socket.on("data", (bytes: Buffer) => {
      for (const frame of parser.push(bytes)) this.#frame(frame, onEvent)
    })
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.#open = false
        for (const waiting of this.#waiting.values()) waiting.reject(lost())
        this.#waiting.clear()
        resolve()
      })
    })
  }

  /**
   * Asks the shim. Spans that it recorded become part of `span`'s trace.
   * @throws the shim's failure; unavailable when the connection is lost meanwhile: whether it was done is then unknown
   */
  async request(method: string, params?: unknown, span?: Span): Promise<unknown> {
    if (!this.#open) throw lost()
    const n = this.#next++
    const request: WireRequest = { n, method, params, ...(span ? { traceparent: span.traceparent } : {}) }
    return await new Promise((resolve, reject) => {
      this.#waiting.set(n, { span, resolve, reject })
      this.#socket.write(jsonFrame(frameTypes.request, request))
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #frame(frame: Frame, onEvent: (event: WireEvent) => void): void {
    const value: unknown = JSON.parse(frame.body.toString("utf8"))
    if (frame.type === frameTypes.event) {
      onEvent(value as WireEvent)
      return
    }
    const answer = value as WireAnswer
    const waiting = this.#waiting.get(answer.n)
    if (!waiting) return
    this.#waiting.delete(answer.n)
    if (answer.spans) waiting.span?.adopt(answer.spans)
    if (answer.error) waiting.reject(new Failure(answer.error.kind, answer.error.message))
    else waiting.resolve(answer.result)
  }
}

const lost = () => new Failure("unavailable", "the connection to the shim was lost; a new one is being made, try again")
