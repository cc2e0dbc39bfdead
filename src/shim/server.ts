import { chmodSync, closeSync, rmSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import { wouldBlock } from "../linux/descriptor.ts"
import { type Reactor, readiness, type Watch } from "../linux/reactor.ts"
import { acceptNow, listenUnix } from "../linux/unix-socket.ts"
import { Span, type SpanRecord } from "../trace/span.ts"
import { Connection, type ConnectionState } from "./connection.ts"
import type { AttachOptions } from "./contract.ts"
import type { HandedConnection } from "./handover.ts"
import type { Holdings } from "./holdings.ts"
import { Keeper } from "./keeper.ts"
import type { SupervisedProcess } from "./process.ts"
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
import { perform } from "./requests.ts"
import type { Supervisor } from "./supervisor.ts"

export interface ServerOptions {
  readonly reactor: Reactor
  readonly socketPath: string
  /** A listening socket from an earlier image. */
  readonly listener: number | undefined
  readonly supervisor: Supervisor
  readonly holdings: Holdings
  readonly version: string
  readonly instance: string
  /** Ends this process. */
  readonly shutdown: () => void
  /** Becomes another program. Returns only by throwing. */
  readonly upgrade: (command: readonly string[]) => never
}

interface Upgrade {
  readonly connection: Connection
  readonly n: number
  readonly command: readonly string[]
}

/** Requests whose work may be taken up again by another image of this program. */
const repeatable = new Set(["drained"])

/** The shim's socket: control connections, and the beginnings of the others. */
export class Server {
  readonly listener: number
  readonly #options: ServerOptions
  readonly #watch: Watch
  readonly #fresh = new Set<Connection>()
  readonly #control = new Set<Connection>()
  readonly #keepers = new Map<Connection, { readonly name: string; readonly keeper: Keeper }>()
  readonly #unanswered = new Map<WireRequest, Connection>()
  #upgrade: Upgrade | undefined
  #visited = false

  constructor(options: ServerOptions) {
    this.#options = options
    if (options.listener === undefined) rmSync(options.socketPath, { force: true })
    this.listener = options.listener ?? listenUnix(options.socketPath)
    chmodSync(options.socketPath, 0o600)
    this.#watch = options.reactor.watch(this.listener, () => this.#accept())
    this.#watch.want(readiness.read)
  }

  /** Whether anybody has ever connected. */
  get wasVisited(): boolean {
    return this.#visited
  }

  /** Tells every control connection. */
  tell(event: WireEvent): void {
    const bytes = jsonFrame(frameTypes.event, event)
    for (const connection of this.#control) connection.send(bytes)
  }

  /** Hands duplicates of a process's descriptors to those who keep them. */
  keep(process: SupervisedProcess): void {
    for (const { keeper } of this.#keepers.values()) keeper.keep(process)
  }

  /** Takes connections over from an earlier image. */
  adopt(connections: readonly HandedConnection[]): void {
    for (const handed of connections) {
      const connection = this.#serve(handed.state.descriptor, handed.state)
      if (handed.kind === "fresh") continue
      this.#fresh.delete(connection)
      if (handed.kind === "keep") this.#addKeeper(connection, handed.name)
      else if (handed.kind === "attach") this.#adoptAttachment(connection, handed.options, handed.ended)
      else {
        this.#control.add(connection)
        if (handed.upgrade !== undefined) this.#send(connection, { n: handed.upgrade })
        for (const request of handed.unanswered) void this.#answer(connection, request)
      }
    }
  }

  /** What another image needs of the connections here. Nothing may be read or sent afterwards. */
  handOver(): HandedConnection[] {
    const unanswered = [...this.#unanswered]
    return [
      ...[...this.#fresh].map((connection) => ({ kind: "fresh" as const, state: connection.state() })),
      ...[...this.#control].map((connection) => ({
        kind: "control" as const,
        state: connection.state(),
        unanswered: unanswered.filter(([, from]) => from === connection).map(([request]) => request),
        ...(this.#upgrade?.connection === connection ? { upgrade: this.#upgrade.n } : {}),
      })),
      ...[...this.#keepers].map(([connection, { name }]) => ({
        kind: "keep" as const,
        state: connection.state(),
        name,
      })),
    ]
  }

  /** Takes no more connections, closes those that are here and removes the socket. */
  close(): void {
    this.#watch.close()
    closeSync(this.listener)
    rmSync(this.#options.socketPath, { force: true })
    for (const connection of [...this.#fresh, ...this.#control, ...this.#keepers.keys()]) connection.close()
  }

  #accept(): void {
    try {
      for (;;) {
        const descriptor = acceptNow(this.listener)
        if (descriptor === wouldBlock) break
        this.#serve(descriptor)
      }
    } catch (error) {
      // No descriptor is left: who waits is taken when there is one.
      setTimeout(() => this.#watch.want(readiness.read), 100).unref()
      throw error
    }
    this.#watch.want(readiness.read)
  }

  #serve(descriptor: number, state?: ConnectionState): Connection {
    this.#visited = true
    const events = {
      frame: (frame: Frame) => this.#frame(connection, frame),
      drained: () => {},
      closed: () => this.#closed(connection),
    }
    const connection: Connection = new Connection(this.#options.reactor, descriptor, events, state)
    this.#fresh.add(connection)
    return connection
  }

  #closed(connection: Connection): void {
    this.#fresh.delete(connection)
    this.#control.delete(connection)
    this.#keepers.get(connection)?.keeper.close()
    this.#keepers.delete(connection)
  }

  #frame(connection: Connection, frame: Frame): void {
    if (frame.type !== frameTypes.request) throw new Failure("invalidArgument", "a request was expected")
    const request = JSON.parse(frame.body.toString("utf8")) as WireRequest
    switch (request.method) {
      case "attach":
        this.#fresh.delete(connection)
        this.#attach(connection, request)
        return
      case "keep": {
        this.#fresh.delete(connection)
        this.#addKeeper(connection, (request.params as { name: string }).name)
        return
      }
      case "upgrade":
        this.#upgrade = { connection, n: request.n, ...(request.params as { command: readonly string[] }) }
        for (const each of [...this.#control, ...this.#fresh]) each.pause()
        this.#upgradeIfQuiet()
        return
      default:
        this.#fresh.delete(connection)
        this.#control.add(connection)
        void this.#answer(connection, request)
    }
  }

  #addKeeper(connection: Connection, name: string): void {
    const keeper = new Keeper(this.#options.reactor, connection.descriptor)
    this.#keepers.set(connection, { name, keeper })
    for (const process of this.#options.supervisor.processes) keeper.keep(process)
  }

  #adoptAttachment(connection: Connection, options: AttachOptions, ended: boolean): void {
    try {
      this.#options.supervisor.get(options.id, options.execId).io.adoptAttachment(connection, options, ended)
    } catch {
      connection.close()
    }
  }

  #attach(connection: Connection, request: WireRequest): void {
    try {
      // Nothing is read from the process between the two: what it writes from `position` on follows the answer.
      this.#options.supervisor.attach(connection, request.params as AttachOptions, (position) =>
        this.#send(connection, { n: request.n, result: { position } }),
      )
    } catch (error) {
      this.#send(connection, { n: request.n, error: wireError(error) })
    }
  }

  async #answer(connection: Connection, request: WireRequest): Promise<void> {
    const spans: SpanRecord[] = []
    const span = Span.root((record) => spans.push(record), "shim", request.method, request.traceparent)
    const traced = () => {
      span.end()
      return request.traceparent ? { spans } : {}
    }
    this.#unanswered.set(request, connection)
    let answer: WireAnswer
    try {
      const result = await this.#perform(request, span)
      answer = { n: request.n, result, ...traced() }
    } catch (error) {
      answer = { n: request.n, error: wireError(error), ...traced() }
    }
    this.#unanswered.delete(request)
    this.#send(connection, answer)
    this.#upgradeIfQuiet()
  }

  #perform(request: WireRequest, span: Span): unknown {
    const { supervisor, shutdown } = this.#options
    switch (request.method) {
      case "hello":
        return this.#hello
      case "kept": {
        const { name } = request.params as { name: string }
        const found = [...this.#keepers.values()].find((each) => each.name === name)
        return { waiting: found?.keeper.waiting ?? -1 }
      }
      case "hold": {
        const { key, pid, descriptors } = request.params as { key: string; pid: number; descriptors: readonly number[] }
        return this.#options.holdings.hold(key, pid, descriptors)
      }
      case "release":
        return this.#options.holdings.release((request.params as { key: string }).key)
      case "held":
        return this.#options.holdings.all()
      case "shutdown":
        if (supervisor.isBusy) {
          throw new Failure("conflict", "the shim still has running processes; end them first")
        }
        setImmediate(shutdown)
        return
      default:
        return perform(supervisor, request, span)
    }
  }

  /** Goes over to the next image once nothing is under way that it could not take up. */
  #upgradeIfQuiet(): void {
    const asked = this.#upgrade
    if (!asked || [...this.#unanswered.keys()].some((request) => !repeatable.has(request.method))) return
    try {
      this.#options.upgrade(asked.command)
    } catch (error) {
      this.#upgrade = undefined
      this.#send(asked.connection, { n: asked.n, error: wireError(error) })
      for (const each of [...this.#control, ...this.#fresh]) each.resume()
    }
  }

  #send(connection: Connection, answer: WireAnswer): void {
    connection.send(jsonFrame(frameTypes.answer, answer))
  }

  get #hello(): Hello {
    const { version, instance } = this.#options
    return { protocol: protocolVersion, version, pid: process.pid, instance }
  }
}
