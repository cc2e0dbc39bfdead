import { chmodSync, closeSync, rmSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import { wouldBlock } from "../linux/descriptor.ts"
import type { Reactor, Watch } from "../linux/reactor.ts"
import { readiness } from "../linux/reactor.ts"
import { acceptNow, listenUnix } from "../linux/unix-socket.ts"
import { Span, type SpanRecord } from "../trace/span.ts"
import { Connection } from "./connection.ts"
import type { AttachOptions, ExecStart, IoConfig, LogConfig, RunRequest } from "./contract.ts"
import {
  type Frame,
  frameTypes,
  type Hello,
  jsonFrame,
  protocolVersion,
  type WireAnswer,
  type WireEvent,
  type WireRequest,
  wireError,
} from "./protocol.ts"
import type { Supervisor } from "./supervisor.ts"

export interface ServerOptions {
  readonly reactor: Reactor
  readonly socketPath: string
  /** A listening socket from an earlier image. */
  readonly listener?: number
  readonly supervisor: Supervisor
  readonly version: string
  readonly instance: string
  /** Ends this process, after the answer has been sent. */
  readonly shutdown: () => void
}

interface Target {
  readonly id: string
  readonly execId?: string
}

/** The shim's socket: control connections, and the beginnings of the others. */
export class Server {
  readonly listener: number
  readonly #options: ServerOptions
  readonly #watch: Watch
  readonly #control = new Set<Connection>()

  constructor(options: ServerOptions) {
    this.#options = options
    if (options.listener === undefined) rmSync(options.socketPath, { force: true })
    this.listener = options.listener ?? listenUnix(options.socketPath)
    chmodSync(options.socketPath, 0o600)
    this.#watch = options.reactor.watch(this.listener, () => this.#accept())
    this.#watch.want(readiness.read)
  }

  /** Tells every control connection. */
  tell(event: WireEvent): void {
    const bytes = jsonFrame(frameTypes.event, event)
    for (const connection of this.#control) connection.send(bytes)
  }

  /** Takes no more connections, closes the control connections and removes the socket. */
  close(): void {
    this.#watch.close()
    closeSync(this.listener)
    rmSync(this.#options.socketPath, { force: true })
    for (const connection of [...this.#control]) connection.close()
  }

  #accept(): void {
    for (;;) {
      const descriptor = acceptNow(this.listener)
      if (descriptor === wouldBlock) break
      this.#serve(descriptor)
    }
    this.#watch.want(readiness.read)
  }

  #serve(descriptor: number): void {
    const connection: Connection = new Connection(this.#options.reactor, descriptor, {
      frame: (frame) => this.#frame(connection, frame),
      drained: () => {},
      closed: () => this.#control.delete(connection),
    })
  }

  #frame(connection: Connection, frame: Frame): void {
    if (frame.type !== frameTypes.request) throw new Failure("invalidArgument", "a request was expected")
    const request = JSON.parse(frame.body.toString("utf8")) as WireRequest
    if (request.method === "attach") this.#attach(connection, request)
    else void this.#answer(connection, request)
  }

  #attach(connection: Connection, request: WireRequest): void {
    const answer = (value: Omit<WireAnswer, "n">) =>
      connection.send(jsonFrame(frameTypes.answer, { n: request.n, ...value }))
    try {
      // Nothing is read from the process between the two: what it writes from `position` on follows the answer.
      this.#options.supervisor.attach(connection, request.params as AttachOptions, (position) =>
        answer({ result: { position } }),
      )
    } catch (error) {
      answer({ error: wireError(error) })
    }
  }

  async #answer(connection: Connection, request: WireRequest): Promise<void> {
    const spans: SpanRecord[] = []
    const span = Span.root((record) => spans.push(record), "shim", request.method, request.traceparent)
    const traced = () => {
      span.end()
      return request.traceparent ? { spans } : {}
    }
    let answer: WireAnswer
    try {
      const result = await this.#perform(connection, request, span)
      answer = { n: request.n, result, ...traced() }
    } catch (error) {
      answer = { n: request.n, error: wireError(error), ...traced() }
    }
    connection.send(jsonFrame(frameTypes.answer, answer))
  }

  #perform(connection: Connection, request: WireRequest, span: Span): unknown {
    const { supervisor } = this.#options
    const params = request.params as Target
    const { id, execId } = params ?? {}
    switch (request.method) {
      case "hello":
        this.#control.add(connection)
        return this.#hello
      case "tasks":
        return supervisor.tasks()
      case "open": {
        const { io, log } = request.params as { io: IoConfig; log: LogConfig }
        return supervisor.open(id, io, log, execId)
      }
      case "run":
      case "create":
        return supervisor.launch(request.params as RunRequest, request.method, span)
      case "start":
        return supervisor.start(id, span)
      case "exec":
        return supervisor.exec(request.params as ExecStart, span)
      case "kill":
        return supervisor.get(id, execId).kill((request.params as { signal: number }).signal)
      case "resize":
        return supervisor.resize(id, (request.params as { size: { height: number; width: number } }).size, execId)
      case "closeStdin":
        return supervisor.get(id, execId).io.endInput()
      case "reopenLog":
        return supervisor.get(id).io.log.reopen(BigInt(Date.now()) * 1_000_000n)
      case "drained":
        return supervisor.drained(id, execId)
      case "forget":
        return supervisor.forget(id, execId)
      case "shutdown":
        if (supervisor.isBusy) throw new Failure("conflict", "the shim still has running processes; end them first")
        setImmediate(this.#options.shutdown)
        return
      default:
        throw new Failure("notImplemented", `the shim (version ${this.#options.version}) cannot ${request.method}`)
    }
  }

  get #hello(): Hello {
    const { version, instance } = this.#options
    return { protocol: protocolVersion, version, pid: process.pid, instance }
  }
}
