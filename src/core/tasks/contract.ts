import type { CgroupStats } from "../../linux/cgroup-contract.ts"
import type { Process, Resources, RuntimeSpec } from "../../oci/runtime-spec.ts"
import type { CheckpointFiles } from "../../runtime/contract.ts"
import type { AttachOptions, AttachStream, ExitRecord, IoConfig, LogConfig } from "../../shim/contract.ts"
import type { Span } from "../../trace/span.ts"
import type { Scope } from "../scope.ts"

export type TaskStatus = "created" | "running" | "paused" | "stopped"

export interface Task {
  readonly containerId: string
  readonly pid: number
  readonly status: TaskStatus
  readonly startedAt: bigint
  readonly exit?: ExitRecord
}

/** What became of a signal that was sent. */
export interface SignalFate {
  /** Whether the kernel has certainly dropped it: the process will never know of it. */
  readonly lost: boolean
  /** The reason, for people. */
  readonly why: string
}

/** Something to be seen in a root that is not running. */
export interface ViewMount {
  /** The host's path of a file or directory. */
  readonly source: string
  readonly destination: string
  readonly readOnly: boolean
}

export interface TaskRequest {
  /** The part of the program that the task belongs to: the engine, the executor. Recorded, so that it is found by its owner after a restart. */
  readonly owner: string
  readonly containerId: string
  /**
   * Makes the OCI specification, given the mounted root (users are looked up there, volumes filled from there).
   * `root.path` and `linux.cgroupsPath` are filled in by the task service.
   */
  readonly spec: (root: string, span: Span) => Promise<RuntimeSpec> | RuntimeSpec
  /** The cgroup that holds the container's own; the daemon's default when absent. */
  readonly cgroupParent?: string
  readonly snapshotKey?: string
  /** A root file system that exists already, instead of a snapshot. */
  readonly rootfs?: string
  /** Its files need not outlive a loss of power: the container is removed when it ends. */
  readonly ephemeral: boolean
  /** The name of a configured runtime; the probed default when absent. */
  readonly runtime?: string
  readonly io: IoConfig
  readonly log: LogConfig
  /** Processes to go on with, instead of a new init. */
  readonly checkpoint?: CheckpointFiles
}

export interface CheckpointOptions {
  /** Where it is to be; appears when it is complete. */
  readonly directory: string
  /** The directory for CRIU's logs. */
  readonly work: string
  /** The processes go on; otherwise they end, and their exit is told. */
  readonly leaveRunning: boolean
}

/** The running things. One task per container at most. */
export interface TaskService {
  /** Opens stdio so that clients can attach before `run`. */
  open(scope: Scope, containerId: string, io: IoConfig, log: LogConfig): Promise<void>
  /** Closes what `open` opened when `run` never came. Idempotent. */
  close(scope: Scope, containerId: string): Promise<void>
  /**
   * Mounts, makes the cgroup, starts init. On failure everything is undone. At most a few at once; the rest wait in line. A task
   * of the same container that has ended is freed first; its root stays mounted for this one, so that nothing is written out in between.
   */
  run(scope: Scope, request: TaskRequest): Promise<Task>
  /** @throws notFound */
  get(scope: Scope, containerId: string): Promise<Task>
  find(scope: Scope, containerId: string): Task | undefined
  /** What a task runs by. @throws notFound */
  spec(scope: Scope, containerId: string): Promise<RuntimeSpec>
  list(scope: Scope): Promise<readonly Task[]>
  /** The tasks of an owner in every namespace. */
  owned(owner: string): readonly { readonly namespace: string; readonly containerId: string }[]
  /** @throws notFound when it is not running */
  kill(
    scope: Scope,
    containerId: string,
    signal: number,
    options?: { readonly all?: boolean; readonly execId?: string },
  ): Promise<void>
  /** Sends `signal` to init as `kill` does, and tells what became of it. @throws notFound when it is not running */
  signal(scope: Scope, containerId: string, signal: number): Promise<SignalFate>
  /** Resolves with the exit of init; at once when it has ended. */
  wait(scope: Scope, containerId: string): Promise<ExitRecord>
  pause(scope: Scope, containerId: string): Promise<void>
  resume(scope: Scope, containerId: string): Promise<void>
  /** Writes a task's processes to disk. @throws conflict when they cannot be, for what they were started with · internal with CRIU's words */
  checkpoint(scope: Scope, containerId: string, options: CheckpointOptions): Promise<void>
  update(scope: Scope, containerId: string, resources: Resources): Promise<void>
  stats(scope: Scope, containerId: string): CgroupStats
  pids(scope: Scope, containerId: string): readonly number[]
  resize(
    scope: Scope,
    containerId: string,
    size: { readonly height: number; readonly width: number },
    execId?: string,
  ): Promise<void>
  attach(scope: Scope, options: AttachOptions): Promise<AttachStream>
  openExec(scope: Scope, containerId: string, execId: string, io: IoConfig): Promise<void>
  exec(
    scope: Scope,
    containerId: string,
    execId: string,
    process: Process,
    io: IoConfig,
  ): Promise<{ readonly pid: number }>
  waitExec(scope: Scope, containerId: string, execId: string): Promise<ExitRecord>
  /** Drops what is kept of an exec that has ended. */
  forgetExec(scope: Scope, containerId: string, execId: string): Promise<void>
  /** Resolves when all output so far is in the log. */
  drained(scope: Scope, containerId: string): Promise<void>
  /** Runs `work` with the path of the container's root, mounted for the time of the call when it is not running. */
  withRoot<T>(scope: Scope, containerId: string, snapshotKey: string, work: (root: string) => Promise<T>): Promise<T>
  /**
   * As `withRoot`, with the container's mounts in place: those its processes see when it runs, otherwise what `mounts`
   * shows. Calls at the same time share one view, and a start waits for the end of all.
   */
  withMountedRoot<T>(
    scope: Scope,
    containerId: string,
    snapshotKey: string,
    mounts: (root: string, show: (view: ViewMount) => void) => Promise<void>,
    work: (root: string) => Promise<T>,
  ): Promise<T>
  /** Frees what a stopped task held: mounts, cgroup, shim records. Idempotent. */
  delete(scope: Scope, containerId: string): Promise<void>
  /**
   * Takes over what an earlier life of the daemon left. Call once, after every listener is in place.
   */
  recover(scopeOf: (namespace: string) => Scope): Promise<void>
  /** Called for each exit of an init or exec, after it is on disk. */
  onExit(listener: (namespace: string, exit: ExitRecord) => void): void
}
