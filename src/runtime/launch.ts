import { memoryProgram } from "../linux/memory-file.ts"
import { mountFlags } from "../linux/mount.ts"
import type { SystemCall } from "../linux/syscall-image.ts"
import { callFailed, syscallProgram } from "../linux/syscall-program.ts"
import type { LaunchRequest } from "./contract.ts"
import { descriptorsOf, intoShortTable, type ShortTable, unshareMounts } from "./short-table.ts"

/** The environment of runtime programs: nothing of ours reaches them. */
export const runtimeEnvironment = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" } as const

/** Exit code of a launch that could not enter the cgroups or the mount namespace. */
export const preludeFailed = callFailed

const AT_FDCWD = -100
const O_WRONLY = 1
const MNT_DETACH = 2
const PR_SET_PDEATHSIG = 1
const SIGKILL = 9

/** What has to happen before a runtime is called. */
export interface Before {
  readonly hideUnified: boolean
  readonly shortTable?: ShortTable
  readonly cgroup: LaunchRequest["cgroup"]
  /** Whether it is killed when this process ends. */
  readonly endsWithUs?: boolean
}

/** A command line to be spawned now. Disposing frees what it stands on, once the child runs. */
export interface Launch extends Disposable {
  readonly command: readonly string[]
}

/**
 * The command line that becomes `command`, with what has to happen before:
 * - entering cgroup v1 groups. A single-threaded process that writes `0` into `tasks` moves itself without the kernel's
 *   thread-group lock and its RCU grace period (6–14 ms when another process writes the PID to `cgroup.procs`).
 * - hiding the host's cgroup2 mount, in a mount namespace of the launch alone: /sys/fs/cgroup is cut off from
 *   propagation first, so the host keeps its mount, and every other mount keeps its propagation.
 * - asking the kernel for its end when this process ends.
 * - leaving the mounts of other containers behind, in a mount namespace of the launch alone (`short-table.ts`).
 * @param program the file to execute; `command` names it as it wants to be called
 */
export function launch(before: Before, command: readonly string[], program = command[0]!): Launch {
  const files = before.cgroup.kind === "join" ? before.cgroup.files : []
  const { hideUnified, shortTable, endsWithUs } = before
  const firstFree = 3 + (shortTable ? descriptorsOf(shortTable) : 0)
  const calls: SystemCall[] = [
    ...(endsWithUs ? [["prctl", PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0] as const] : []),
    ...(shortTable ? intoShortTable(shortTable) : hideUnified ? [unshareMounts] : []),
    ...(hideUnified ? unmountUnified : []),
    ...files.flatMap((file) => joinGroup(file, firstFree)),
  ]
  if (calls.length === 0 && program === command[0]) return { command, [Symbol.dispose]: () => {} }
  const start = memoryProgram("launch", syscallProgram(calls, program, command, runtimeEnvironment))
  return { command: [start.path], [Symbol.dispose]: () => start[Symbol.dispose]() }
}

const unmountUnified: readonly SystemCall[] = [
  ["mount", "none", "/sys/fs/cgroup", 0, mountFlags.slave | mountFlags.recursive, 0],
  ["umount2", "/sys/fs/cgroup/unified", MNT_DETACH],
]

/** @param next the lowest number that no descriptor has */
export const joinGroup = (file: string, next: number): readonly SystemCall[] => [
  ["openat", AT_FDCWD, file, O_WRONLY, 0],
  ["write", next, "0", 1],
  ["close", next],
]
