import type { OutputChunk } from "../../logs/contract.ts"
import type { RuntimeSpec } from "../../oci/runtime-spec.ts"
import type { IoConfig, LogConfig } from "../../shim/contract.ts"
import type { Span } from "../../trace/span.ts"
import type { Scope } from "../scope.ts"
import type { Task } from "../tasks/contract.ts"

/** A program to be run once: a build's step, a hook, a check. */
export interface ExecutionRequest {
  /** Names the task; one that is not in use. Made up when absent. Signals, execs and terminal sizes go to the task of this name. */
  readonly id?: string
  /**
   * Where it runs. `parent`: on a committed snapshot, or on nothing; what it writes is thrown away. `snapshot`: in the caller's active
   * snapshot, which keeps what was written and is not mounted any more when the call returns. It is mounted without syncs:
   * call `settle` of the snapshotter before relying on it after a loss of power.
   */
  readonly root: { readonly parent: string | undefined } | { readonly snapshot: string }
  /** As in a task's request. */
  readonly spec: (root: string, span: Span) => Promise<RuntimeSpec> | RuntimeSpec
  /** What the program reads; absent: nothing. A terminal needs one for its input. */
  readonly stdin?: AsyncIterable<Uint8Array>
  /** Called for each piece of output, in order; the program waits while it is being dealt with. Absent: output is dropped. */
  readonly output?: (chunk: OutputChunk) => Promise<void> | void
  /** A terminal of this size in cells; absent: pipes. The specification has to say the same. */
  readonly terminal?: NonNullable<IoConfig["consoleSize"]>
  /** Where output is kept besides. Absent: nowhere, and what comes while a killed shim is replaced by another is lost. */
  readonly log?: LogConfig
  /** As in a task's request. */
  readonly runtime?: string
  /** As in a task's request. */
  readonly cgroupParent?: string
  /** Called when the program runs. */
  readonly started?: (task: Task) => void
}

export interface ExecutionEnd {
  /** 0–255; 128 + signal for a killed program. */
  readonly code: number
  readonly oomKilled: boolean
  /** Nanoseconds since the epoch. */
  readonly startedAt: bigint
  /** Nanoseconds since the epoch. */
  readonly endedAt: bigint
}

/**
 * From a snapshot to an exit code in one call: snapshot, mounts, specification, task, output, and the release of all that. What is acquired is
 * recorded before: when the daemon is killed, its next start ends the program and frees the rest. Disposing ends every program and waits
 * until it is freed; later calls are refused.
 */
export interface Executor extends AsyncDisposable {
  /**
   * Runs a program to its end; everything is freed when this settles. When `scope.signal` is aborted, or `output` or `stdin` fails, every
   * process of it is killed first.
   * @throws cancelled after an abort · unavailable when nobody knows the exit code (the shim was killed), or the daemon ends · what `output` or
   *   `stdin` threw · failures of snapshots and of starting, as the task service has them
   */
  run(scope: Scope, request: ExecutionRequest): Promise<ExecutionEnd>
  /**
   * Ends what executions of an earlier life of the daemon have left, and frees it; their programs' ends are not waited for. Call once after
   * the tasks have been recovered.
   */
  recover(scopeOf: (namespace: string) => Scope): Promise<void>
}
