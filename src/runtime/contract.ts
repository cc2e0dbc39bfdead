import type { Span } from "../trace/span.ts"

/** An OCI runtime program and what the probe at start learnt of it. */
export interface RuntimeInfo {
  /** The name it is chosen by: `crun`, `runc`, or one configured with `--add-runtime`. */
  readonly name: string
  readonly path: string
  readonly args: readonly string[]
  /** Which command-line dialect and extensions it has. */
  readonly family: "crun" | "runc" | "other"
  readonly version: string
  /** Whether it can leave cgroups to us (`--cgroup-manager=disabled`). */
  readonly cgroupsByUs: boolean
  /** Whether it takes a precompiled seccomp filter by annotation. */
  readonly seccompBpf: boolean
  /**
   * Whether it must be started where the host's cgroup2 mount is out of its sight: crun refuses hybrid hosts with
   * controllers on v2, even when it is told to leave cgroups alone.
   */
  readonly hideUnified: boolean
  /** Whether it can write the processes of a container to disk, and bring them back (with CRIU). */
  readonly checkpoints: boolean
  /** Why this one was chosen, or why it is as it is; shown in `barge info`. */
  readonly reason: string
}

/** Descriptors of this process that become the container's stdin, stdout, stderr. */
export interface Stdio {
  readonly stdin: number | "ignore"
  readonly stdout: number | "ignore"
  readonly stderr: number | "ignore"
}

export interface LaunchRequest {
  readonly id: string
  readonly bundle: string
  /** Where the runtime keeps its own state (`--root`). */
  readonly stateRoot: string
  readonly stdio: Stdio
  /** For a terminal: the socket on which the runtime hands over the PTY's master (SCM_RIGHTS). */
  readonly consoleSocket?: string
  /** `join`: the child joins these cgroup files before it becomes the runtime, which then leaves cgroups alone. `runtime`: the runtime makes the group named in the spec. */
  readonly cgroup: { readonly kind: "join"; readonly files: readonly string[] } | { readonly kind: "runtime" }
  /**
   * Mounts in unbindable directories that this launch needs. When it is given, the runtime is started without sight of any
   * other mount in such directories, where the host allows that: a start then takes no longer for the containers that run.
   */
  readonly carriedMounts?: readonly string[]
  /**
   * Nobody may trace the container before it has become its program: `run` returns only then, and the runtime ends with this
   * process.
   */
  readonly guarded?: boolean
  readonly span: Span
  /** Told of each program that is started for it, a child of this process, and whether it is an OCI runtime. */
  readonly programStarted?: (pid: number, kind: "enter" | "runtime") => void
}

/** A process that runs. */
export interface Started {
  /** Its PID on the host. */
  readonly pid: number
  /** The master of its terminal, close-on-exec, when it was not handed over by the console socket. */
  readonly terminal?: number
}

export interface ExecRequest extends Omit<LaunchRequest, "bundle"> {
  readonly execId: string
  /** A JSON file with the OCI `process` object. */
  readonly processFile: string
  /** The first size of a terminal that the runtime does not make. */
  readonly consoleSize?: { readonly height: number; readonly width: number }
  /** The container's init; absent: only the runtime can find the container. */
  readonly init?: {
    readonly pid: number
    readonly pidfd: number
    readonly bundle: string
    /** The container's control groups, each by the file that a process joins it by with a `0`. */
    readonly cgroupFiles: readonly string[]
  }
}

/** Where CRIU reads and writes. */
export interface CheckpointFiles {
  /** The directory that holds the processes. */
  readonly image: string
  /** The directory for its logs, `dump.log` and `restore.log`; made when it is missing. */
  readonly work: string
}

export interface CheckpointRequest extends CheckpointFiles {
  readonly id: string
  readonly stateRoot: string
  /** The processes go on; otherwise they are killed when they are written. */
  readonly leaveRunning: boolean
  readonly span: Span
}

/**
 * Drives one OCI runtime program. Every call spawns it as a child of this process; the container's init is left to this
 * process as an adopted child (which must be a child subreaper).
 * Failures are those of the runtime's own log, turned into Docker's words: see `failure.ts`.
 */
export interface RuntimeDriver {
  readonly info: RuntimeInfo
  /** Creates and starts in one go. @returns the host PID of init */
  run(request: LaunchRequest): Promise<number>
  /** As `run`, with the processes that {@link checkpoint} wrote. */
  restore(request: LaunchRequest & CheckpointFiles): Promise<number>
  /** Writes the processes of a running container. `image` must be an empty directory. After a failure the container goes on. */
  checkpoint(request: CheckpointRequest): Promise<void>
  /** Creates; the process waits for {@link start}. @returns the host PID of init */
  create(request: LaunchRequest): Promise<number>
  start(request: Pick<LaunchRequest, "id" | "stateRoot" | "span">): Promise<void>
  /** Starts a further process in a running container, by the runtime or without it (`enter.ts`). */
  exec(request: ExecRequest): Promise<Started>
  /** Removes the runtime's state of a stopped container; by ourselves where the layout is known, else with the runtime's `delete --force`. */
  delete(request: Pick<LaunchRequest, "id" | "stateRoot">): Promise<void>
}
