import type { Scope } from "../../../core/scope.ts"
import type { TaskService } from "../../../core/tasks/contract.ts"
import type { RuntimeInfo } from "../../../runtime/contract.ts"
import type { AttachStream, IoConfig, LogConfig } from "../../../shim/contract.ts"
import type { HijackedStream } from "../../../std/hijacked-stream.ts"
import type { Log } from "../../../std/log.ts"
import type { Events } from "../../events/contract.ts"
import type { Container } from "../record/container.ts"
import type { ContainerRegistry } from "../record/registry.ts"

export interface ContainerAttachOptions {
  /** Replay the log first. */
  readonly logs: boolean
  readonly stream: boolean
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** Docker's notation (`ctrl-p,ctrl-q`); absent: the default. */
  readonly detachKeys?: string
  /** Never frame the output, even without a terminal (websockets). */
  readonly raw: boolean
}

/** A checked connection that is ready to serve a client. Later errors go into the stream as text. */
export interface Attachment {
  /** Whether the output is framed by stdcopy headers (no terminal, not `raw`). */
  readonly multiplexed: boolean
  /**
   * Serves the client until the process ends, or the client detaches or disconnects, then closes the stream.
   * Never rejects because of the client.
   */
  serve(client: HijackedStream): Promise<void>
}

export interface LogsOptions {
  readonly follow: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** Nanoseconds since the epoch, inclusive. */
  readonly since?: bigint
  /** Nanoseconds since the epoch, inclusive. */
  readonly until?: bigint
  readonly timestamps: boolean
  /** The last so many lines; absent: all. */
  readonly tail?: number
  readonly details: boolean
}

export interface LogStream {
  readonly multiplexed: boolean
  /** Ready for the wire: framed when `multiplexed`. Ends when the container does (with `follow`) or `scope.signal` aborts. */
  readonly chunks: AsyncIterable<Uint8Array>
}

/** Collaborators of the input and output of containers. */
export interface StdioNeeds {
  readonly registry: Pick<ContainerRegistry, "afterStart" | "locked">
  readonly tasks: Pick<TaskService, "attach" | "open" | "resize">
  readonly events: Pick<Events, "publish">
  readonly log: Pick<Log, "debug">
  /** The configured runtimes, the default first: pipes depend on whether checkpoints are possible. */
  readonly runtimes: readonly RuntimeInfo[]
  readonly defaults: {
    /** Whether checkpoints are offered. */
    readonly experimental: boolean
  }
  /** The folder of the containers' logs, by ID. */
  readonly containersRoot: string
}

/** Input, output and logs of containers. */
export interface Stdio {
  /** The pipes or terminal that the shim opens for a container. */
  io(container: Container): IoConfig
  /** The files in which the shim keeps a container's output. */
  log(container: Container): LogConfig
  /**
   * Connects a client to a container's stdio. The connection to the process exists when this resolves, so that no output is missed.
   * @param ref the client's name for the container, for messages
   * @throws conflict when the container is paused, restarting or being removed · invalidArgument for bad detach keys
   */
  attach(scope: Scope, container: Container, ref: string, options: ContainerAttachOptions): Promise<Attachment>
  /**
   * `docker logs`: the output on disk and, with `follow`, the output after it, without gap or duplicate.
   * @throws invalidArgument without a stream · notImplemented when the log driver keeps no copy
   */
  logs(scope: Scope, container: Container, options: LogsOptions): LogStream
  /** Live output that never delays the container; undefined when it does not run. */
  follow(scope: Scope, container: Container): Promise<AttachStream | undefined>
  /** Sets the size of the terminal, in cells. @throws conflict when the container does not run */
  resize(scope: Scope, container: Container, size: { readonly height: number; readonly width: number }): Promise<void>
}
