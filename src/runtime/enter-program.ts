import { existsSync, readFileSync } from "node:fs"
import {
  type Fork,
  type ForkingProcess,
  type ForkingProgram,
  forkingProgram,
  report,
} from "../linux/forking-program.ts"
import { callFailed, type Step } from "../linux/syscall-program.ts"
import type { Process, RuntimeSpec } from "../oci/runtime-spec.ts"
import { capabilityNumber } from "./capabilities.ts"
import { joinGroup } from "./launch.ts"
import { seccompAnnotation } from "./seccomp/annotation.ts"
import { forbiddenCall } from "./seccomp/forbidden.ts"

/** What a process enters, and as what. */
export interface Entry {
  /** The container's, as it was started. */
  readonly spec: Pick<RuntimeSpec, "annotations" | "linux">
  readonly process: Process
  /** The container's control groups, each by the file that a process joins it by with a `0`. */
  readonly cgroupFiles: readonly string[]
  /** Descriptors of stdio that are to be the user's. */
  readonly owned: readonly number[]
  /** The program's descriptors of init's pidfd and of a pipe for its report, which is the highest. */
  readonly pidfd: number
  readonly report: number
}

const AT_FDCWD = -100
const O_WRONLY = 1
const PR_SET_DUMPABLE = 4
const PR_SET_KEEPCAPS = 8
const PR_CAPBSET_DROP = 24
const PR_SET_NO_NEW_PRIVS = 38
const PR_CAP_AMBIENT = 47
const PR_CAP_AMBIENT_RAISE = 2
const PR_CAP_AMBIENT_CLEAR_ALL = 4
const SECCOMP_SET_MODE_FILTER = 1
const SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4
const SIG_SETMASK = 2
const SIGCHLD = 17
const CLONE_PIDFD = 0x1000
const CLONE_VFORK = 0x4000
const CLONE_PARENT = 0x8000
const P_PIDFD = 3
const WEXITED = 4
const KEYCTL_JOIN_SESSION_KEYRING = 1
const TIOCSCTTY = 0x540e

/** A process's children by PID, the oldest first: proc(5), CONFIG_PROC_CHILDREN. */
const childrenFile = "/proc/thread-self/children"

/** mount, cgroup, UTS, IPC, PID, network (setns(2) with a pidfd joins them at once, or none; since Linux 5.8). */
const namespaces = 0x0002_0000 | 0x0200_0000 | 0x0400_0000 | 0x0800_0000 | 0x2000_0000 | 0x4000_0000

/** Setting a limit's number (prlimit(2)). */
const limits = [
  "CPU",
  "FSIZE",
  "DATA",
  "STACK",
  "CORE",
  "RSS",
  "NPROC",
  "NOFILE",
  "MEMLOCK",
  "AS",
  "LOCKS",
  "SIGPENDING",
  "MSGQUEUE",
  "NICE",
  "RTPRIO",
  "RTTIME",
].map((name) => `RLIMIT_${name}`)

/**
 * The program that starts a further process of a container. Its first process stays outside and joins nothing. The second
 * joins the container, gives up every right that the new process is not to have and every descriptor but its stdio, and
 * begins the third, the new process, as another child of the first. docs/security.md says what a container's process that
 * may trace others gains from each: nothing. The report has the new process's PID as its text, as the kernel told it to the
 * first; or the call that failed in the second; or, as its status, why the second could not begin the third.
 * @returns why only a runtime can do it, when it asks for something else than what is done here
 */
export function enterProgram(entry: Entry): ForkingProgram | string {
  const { spec, process } = entry
  const obstacle = obstacleOf(spec, process)
  if (obstacle) return obstacle
  const programs = programsOf(process)
  const [last] = programs.splice(-1)
  if (last === undefined) return "its program is searched for in relative directories"
  const filter = filterOf(spec)
  const confined: readonly Step[] = filter ? [loadFilter(filter)] : []
  const inside: readonly Step[] = [
    ["setsid"],
    ...(process.terminal ? ([["ioctl", 0, TIOCSCTTY, 0]] as const) : []),
    ...programs.map((program): Step => ({ attempt: ["execve", program, process.args, process.env] })),
    ["execve", last, process.args, process.env],
  ]
  const begin: Fork = { flags: CLONE_PARENT | CLONE_VFORK | SIGCHLD, child: { steps: inside } }
  const user = becomeUser(process, entry.owned)
  const close: Step = ["close", entry.report]
  const restricted = [...(process.noNewPrivileges ? [] : user), close, ["clone", begin.flags] as const, ...inside]
  const forbidden = filter && forbiddenCall(filter, restricted)
  if (forbidden) return `its seccomp filter forbids ${forbidden}`
  const joining: ForkingProcess = {
    steps: [
      // The container's processes can signal their own group: it must not be the shim's.
      ["setsid"],
      ["prctl", PR_SET_DUMPABLE, 0, 0, 0, 0],
      { attempt: ["keyctl", KEYCTL_JOIN_SESSION_KEYRING, 0] },
      ...entry.cgroupFiles.flatMap((file) => joinGroup(file, entry.report + 1)),
      ...(process.oomScoreAdj === undefined ? [] : write("/proc/self/oom_score_adj", `${process.oomScoreAdj}`, entry)),
      ...(process.apparmorProfile ? confine(process.apparmorProfile, entry) : []),
      ["setns", entry.pidfd, namespaces],
      ["close", entry.pidfd],
      ["chdir", process.cwd],
      // None is ignored: whoever spawns this program sees to that.
      ["rt_sigprocmask", SIG_SETMASK, Buffer.alloc(8), 0, 8],
      ...(process.rlimits ?? []).map(({ type, soft, hard }): Step => {
        return ["prlimit64", 0, limits.indexOf(type), words64(soft, hard), 0]
      }),
      // Without no_new_privs only a process with CAP_SYS_ADMIN can load a filter.
      ...(process.noNewPrivileges ? [] : confined),
      ...user,
      ...(process.noNewPrivileges ? [["prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0] as const, ...confined] : []),
      close,
      begin,
      ["exit_group", 0],
    ],
    failed: [
      ["write", entry.report, report.address, report.size],
      ["exit_group", callFailed],
    ],
  }
  const [joiner, children] = [entry.report + 1, entry.report + 2]
  return forkingProgram({
    steps: [
      { flags: CLONE_PIDFD | SIGCHLD, child: joining },
      ["waitid", P_PIDFD, joiner, report.info, WEXITED, 0],
      ["openat", AT_FDCWD, childrenFile, 0, 0],
      ["read", children, report.text, report.textSize],
      ["write", entry.report, report.address, report.size],
      ["exit_group", 0],
    ],
  })
}

/** What is left to a runtime: only what a container's processes have no influence on. */
function obstacleOf({ annotations, linux }: Entry["spec"], process: Process): string | undefined {
  if (process.selinuxLabel) return "it has an SELinux label"
  if (!process.capabilities) return "its capabilities are not told"
  if (linux.seccomp) return "its seccomp filter is not compiled"
  if (linux.namespaces.some(({ type }) => type === "user" || type === "time"))
    return "the container has a user or time namespace"
  if (Object.keys(annotations ?? {}).some((key) => key.startsWith("run.oci.") && key !== seccompAnnotation))
    return "the container's annotations speak to the runtime"
  if (!process.env.some((variable) => variable.startsWith("HOME="))) return "its HOME is not told"
  if ((process.rlimits ?? []).some(({ type }) => !limits.includes(type))) return "it has a limit of another kind"
  if (!existsSync(childrenFile)) return "the kernel does not list a process's children"
  return undefined
}

/** What the program may be, in order: that of a path, or of each directory of PATH. Empty where a directory is relative. */
function programsOf(process: Process): string[] {
  const [program] = process.args
  if (!program) return []
  if (program.includes("/")) return [program]
  const path = process.env.find((variable) => variable.startsWith("PATH="))?.slice("PATH=".length)
  const directories = path?.split(":") ?? []
  return directories.every((directory) => directory.startsWith("/"))
    ? directories.map((directory) => `${directory}/${program}`)
    : []
}

const write = (path: string, text: string, entry: Entry): readonly Step[] => {
  const opened = entry.report + 1
  return [
    ["openat", AT_FDCWD, path, O_WRONLY, 0],
    ["write", opened, text, Buffer.byteLength(text)],
    ["close", opened],
  ]
}

/** Leaves a terminal in its group, `tty`, as runc does. */
const unchanged = -1

/** The profile that the next execve(2) brings; children inherit the wish. */
const confine = (profile: string, entry: Entry): readonly Step[] =>
  write("/proc/thread-self/attr/apparmor/exec", `exec ${profile}`, entry)

/** Owner of its stdio, with the user's groups and IDs and the process's capabilities. */
function becomeUser(process: Process, owned: readonly number[]): readonly Step[] {
  const { uid, gid, additionalGids = [], umask = 0o022 } = process.user
  const { bounding, effective, permitted, inheritable, ambient } = process.capabilities!
  const kept = new Set(bounding.map(capabilityNumber))
  const dropped = Array.from({ length: lastCapability() + 1 }, (_, number) => number).filter((one) => !kept.has(one))
  return [
    ["setgroups", additionalGids.length, words32(...additionalGids)],
    // Some files cannot be given away, and need not.
    ...owned.map((descriptor): Step => ({ attempt: ["fchown", descriptor, uid, process.terminal ? unchanged : gid] })),
    ...dropped.map((capability): Step => ["prctl", PR_CAPBSET_DROP, capability, 0, 0, 0]),
    ["prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0],
    ["setresgid", gid, gid, gid],
    ["setresuid", uid, uid, uid],
    ["capset", words32(0x2008_0522, 0), capabilityWords(effective, permitted, inheritable)],
    { attempt: ["prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0] },
    ...ambient.map((name): Step => ["prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capabilityNumber(name), 0, 0]),
    ["umask", umask],
  ]
}

/** capset(2)'s data: the three sets' lower halves, and their upper ones. */
function capabilityWords(...sets: readonly (readonly string[])[]): Buffer {
  const masks = sets.map((names) => names.reduce((mask, name) => mask | (1n << BigInt(capabilityNumber(name))), 0n))
  return words32(...masks.map((mask) => Number(mask & 0xffff_ffffn)), ...masks.map((mask) => Number(mask >> 32n)))
}

let known: number | undefined
/** The highest capability of this kernel. */
const lastCapability = (): number => (known ??= Number(readFileSync("/proc/sys/kernel/cap_last_cap", "latin1")))

/** The container's compiled filter. */
function filterOf({ annotations }: Entry["spec"]): Buffer | undefined {
  const text = annotations?.[seccompAnnotation]
  return text === undefined ? undefined : Buffer.from(text, "base64")
}

/** A `sock_fprog`: the number of instructions, and where they are. */
const loadFilter = (filter: Buffer): Step => [
  "seccomp",
  SECCOMP_SET_MODE_FILTER,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  { words: [filter.length / 8, filter] },
]

function words32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4)
  return bytes
}

function words64(...values: readonly (number | bigint)[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8)
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(BigInt(value), index * 8)
  return bytes
}
