import type { Resources } from "../oci/runtime-spec.ts"

/** `unified`: pure cgroup v2 · `hybrid`: v1 controllers and a v2 mount beside them · `legacy`: v1 alone. */
export type CgroupMode = "unified" | "hybrid" | "legacy"

/** Counters of one cgroup. Absent when the controller or file is not there. Nanoseconds and bytes. */
export interface CgroupStats {
  readonly cpu?: {
    readonly usage: bigint
    readonly user: bigint
    readonly system: bigint
    readonly perCpu?: readonly bigint[]
    readonly periods?: bigint
    readonly throttledPeriods?: bigint
    readonly throttledTime?: bigint
  }
  readonly memory?: {
    readonly usage: bigint
    readonly maxUsage?: bigint
    readonly limit?: bigint
    readonly failcnt?: bigint
    /** memory.stat as it is. */
    readonly stats: Readonly<Record<string, bigint>>
  }
  readonly pids?: { readonly current: bigint; readonly limit?: bigint }
  readonly io?: readonly {
    readonly major: number
    readonly minor: number
    readonly op: string
    readonly bytes: bigint
    readonly operations: bigint
  }[]
}

/** One container's control group across all hierarchies of the host. */
export interface Cgroup {
  /** Below each hierarchy's root, with a leading slash: `/barge/ID`. */
  readonly path: string
  /** Files into which a single-threaded process writes `0` to join (cgroup v1's `tasks`, v2's `cgroup.procs`). */
  readonly joinFiles: readonly string[]
  /** The file that counts OOM kills (v1 `memory.oom_control`, v2 `memory.events`), when there is a memory controller. */
  readonly oomFile?: string
  /**
   * Makes the directories and writes limits and device rules; on failure nothing stays. A pids limit below 4 is written
   * as 4, since the runtime itself starts in the group: `update` with the same `pids` sets it once the container runs.
   * @throws invalidArgument naming the limit that the kernel refused
   */
  create(resources: Resources): void
  /** Changes limits of a live group (`docker update`), in an order the kernel accepts. */
  update(resources: Resources): void
  stats(): CgroupStats
  /** Processes inside, host PIDs. */
  pids(): readonly number[]
  freeze(): Promise<void>
  thaw(): Promise<void>
  frozen(): boolean
  /** SIGKILL to everything inside. */
  kill(): void
  /** How often the OOM killer struck inside. */
  oomKills(): number
  /** Removes the directories; retried while the kernel still counts a dying process. */
  remove(): Promise<void>
  exists(): boolean
}
