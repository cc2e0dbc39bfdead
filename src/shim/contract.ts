import type { LogFiles, LogPosition, OutputChunk } from "../logs/contract.ts"
import type { CheckpointFiles, RuntimeInfo } from "../runtime/contract.ts"
import type { Span, SpanRecord } from "../trace/span.ts"

/** How a task's output is kept on disk. */
export interface LogConfig extends LogFiles {
  /** Bytes per file; 0 for no limit. Default 10 MB. */
  readonly maxSize: number
  /** Default 5. */
  readonly maxFiles: number
  /** Written with every entry of `json-file`. */
  readonly attributes?: Readonly<Record<string, string>>
}

export interface IoConfig {
  readonly terminal: boolean
  readonly consoleSize?: { readonly height: number; readonly width: number }
  /** Keep stdin open for attached clients. */
  readonly stdin: boolean
  /** Close stdin when the first client that attached it goes away. */
  readonly stdinOnce: boolean
  /** What CRIU can restore: a process without stdin gets the host's /dev/null, as CRIU knows no device that is not mounted. */
  readonly checkpointable?: boolean
}

export interface RunRequest {
  readonly id: string
  readonly bundle: string
  readonly runtime: RuntimeInfo
  readonly stateRoot: string
  readonly io: IoConfig
  readonly log: LogConfig
  readonly cgroup: { readonly kind: "join"; readonly files: readonly string[] } | { readonly kind: "runtime" }
  /** As in the driver's `LaunchRequest`. */
  readonly carriedMounts?: readonly string[]
  /** The file that counts OOM kills (v1 `memory.oom_control`, v2 `memory.events`), read when init ends. */
  readonly oomFile?: string
  readonly guard?: StartGuard
}

/**
 * Whom a start must not be seen by: the container joins processes that could trace it. Control groups by their paths below
 * each hierarchy's root.
 */
export interface StartGuard {
  /** The container's own. */
  readonly own: string
  /** Frozen until the container has become its program. None of them holds {@link own}. */
  readonly frozen: readonly string[]
}

export interface RestoreRequest extends RunRequest {
  readonly checkpoint: CheckpointFiles
}

export interface CheckpointOrder {
  readonly id: string
  /** Where the checkpoint is to be; nothing may be there. It appears when it is complete. */
  readonly directory: string
  /** For CRIU's logs. */
  readonly work: string
  readonly leaveRunning: boolean
}

export interface ExecStart {
  readonly id: string
  readonly execId: string
  readonly runtime: RuntimeInfo
  readonly stateRoot: string
  /** A JSON file with the OCI `process` object. */
  readonly processFile: string
  readonly io: IoConfig
  readonly cgroup: { readonly kind: "join"; readonly files: readonly string[] } | { readonly kind: "runtime" }
  /** The container's control groups, each by the file that a process joins it by with a `0`. */
  readonly cgroupFiles: readonly string[]
}

export interface ExitRecord {
  readonly id: string
  /** Absent for the container's init. */
  readonly execId?: string
  readonly pid: number
  /** 0–255; 128 + signal for a killed process; absent when nobody could know (the shim itself was killed). */
  readonly code?: number
  /** Nanoseconds since the epoch, as decimal text. */
  readonly at: string
  readonly oomKilled: boolean
}

export interface TaskState {
  readonly id: string
  /** 0 while it is only opened. */
  readonly pid: number
  /** Nanoseconds since the epoch, as decimal text; `"0"` while it is only opened. */
  readonly startedAt: string
  /** False between `create` and `start`. */
  readonly started: boolean
  readonly io: IoConfig
  readonly log: LogConfig
  /** A client has come with whom stdin ends. */
  readonly fed: boolean
  /** Present once init has ended. */
  readonly exit?: ExitRecord
  readonly execs: readonly { readonly execId: string; readonly pid: number; readonly exit?: ExitRecord }[]
}

export interface AttachOptions {
  readonly id: string
  readonly execId?: string
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  /** `client`: the container waits when this reader is slow, as with Docker's attach. `follower`: the container never waits; `output` ends early with `lagged` and the reader goes on from the log file. */
  readonly role: "client" | "follower"
}

/** A live connection to a process's stdio, from `position` of its log on: without gap, without duplicate. */
export interface AttachStream extends AsyncDisposable {
  readonly position: LogPosition
  /** Where in the log the output goes on after what has been read from `output` so far. */
  readonly reached: LogPosition
  readonly output: AsyncIterable<OutputChunk>
  /** True after `output` ended because a follower was too slow. */
  readonly lagged: boolean
  /** Resolves when the bytes are accepted: back-pressure from the process. Bytes for a process that has ended are dropped. */
  write(bytes: Uint8Array): Promise<void>
  /** Half-close: the process sees the end of its input. */
  closeStdin(): Promise<void>
}

export type ShimEvent =
  | { readonly type: "exit"; readonly exit: ExitRecord }
  /** A task's log found no room (`lost` bytes so far), told once; or has room again, with all that was lost. The task goes on. */
  | {
      readonly type: "log"
      readonly id: string
      readonly recovered: boolean
      readonly lost: number
      readonly why?: string
    }
  /** The connection was lost and a new shim was started or found; `tasks` is what it knows. */
  | { readonly type: "reconnected"; readonly replaced: boolean; readonly tasks: readonly TaskState[] }

/**
 * The daemon's end of the one shim. Lifecycle of a task: `run` (or `create`, `start`), `attach` before or after, exit
 * event, `forget`. Exits are on disk before they are told; they are told again after a reconnection until `forget`.
 */
export interface Shim extends AsyncDisposable {
  readonly version: string
  readonly pid: number
  /** Waits for the end of guarded starts: nobody is frozen for one of them, and they are running or gone. */
  tasks(): Promise<readonly TaskState[]>
  /**
   * Opens a task's stdio before its process exists, so that attached clients miss nothing. `run` uses what was opened.
   */
  open(id: string, io: IoConfig, log: LogConfig, execId?: string): Promise<void>
  /** Starts init. @returns its host PID. On failure everything opened for the task is closed, and attached clients see the end. */
  run(request: RunRequest, span: Span): Promise<{ readonly pid: number }>
  create(request: RunRequest, span: Span): Promise<{ readonly pid: number }>
  start(id: string, span: Span): Promise<void>
  /** As `run`, with the processes of a checkpoint. */
  restore(request: RestoreRequest, span: Span): Promise<{ readonly pid: number }>
  /** Writes a task's processes to disk; unless they are left running, its end is told as any other. @throws conflict when it was not started as `checkpointable` */
  checkpoint(order: CheckpointOrder, span: Span): Promise<void>
  exec(request: ExecStart, span: Span): Promise<{ readonly pid: number }>
  /** Sends a signal to init or an exec's process, by pidfd. @throws notFound when it has ended */
  kill(id: string, signal: number, execId?: string): Promise<void>
  resize(id: string, size: { readonly height: number; readonly width: number }, execId?: string): Promise<void>
  closeStdin(id: string, execId?: string): Promise<void>
  attach(options: AttachOptions): Promise<AttachStream>
  /** Flushes and reopens the log file (CRI's ReopenContainerLog). */
  reopenLog(id: string): Promise<void>
  /** Resolves when everything the task has written so far is in its log. */
  drained(id: string, execId?: string): Promise<void>
  /** Drops a task that has ended, and its records. With `execId` only that exec. */
  forget(id: string, execId?: string): Promise<void>
  /** Keeps copies of this process's descriptors open under a key, beyond this process's life; earlier ones of the key are closed. */
  hold(key: string, descriptors: readonly number[]): Promise<void>
  release(key: string): Promise<void>
  /** What is held, as the numbers of the shim's own descriptors. */
  held(): Promise<Readonly<Record<string, readonly number[]>>>
  /** Calls `listener` for every event, in order. @returns a function that ends it */
  on(listener: (event: ShimEvent) => void): () => void
  /** Re-executes the shim in place from this program's executable: children and descriptors stay. */
  upgrade(): Promise<void>
  /** Ends the shim. @throws conflict while a task runs */
  shutdown(): Promise<void>
}

/** Spans that the shim recorded for a call, carried in its answer. */
export type Spans = readonly SpanRecord[]
