import { closeSync, readdirSync, readFileSync } from "node:fs"
import { check, errno, libc, SystemError, types } from "./libc.ts"

const c = libc({
  syscall: {
    args: [types.i64, types.i64, types.i64, types.i64, types.i64],
    returns: types.i64_fast,
  },
  waitid: { args: [types.i32, types.i32, types.ptr, types.i32, types.ptr], returns: types.i32 },
  ioctl: { args: [types.i32, types.u64, types.ptr], returns: types.i32 },
  prctl: { args: [types.i32, types.u64, types.u64, types.u64, types.u64], returns: types.i32 },
})

/** The same numbers on every architecture since Linux 5.1. */
const SYS_pidfd_send_signal = 424
const SYS_pidfd_open = 434
const SYS_pidfd_getfd = 438
const P_ALL = 0
const P_PID = 1
const P_PIDFD = 3
const WNOHANG = 1
const WEXITED = 4
const WNOWAIT = 0x0100_0000
const CLD_EXITED = 1
const ECHILD = 10
const PR_SET_CHILD_SUBREAPER = 36
/** _IOWR(0xFF, 11, struct pidfd_info) of 64 bytes, since Linux 6.13. */
const PIDFD_GET_INFO = 0xc040_ff0b
/** Since Linux 6.15. */
const PIDFD_INFO_EXIT = 8n

/** pidfd_open(2), close-on-exec, readable once the process has ended. Works on a zombie. @throws SystemError; ESRCH when there is none */
export function openPidfd(pid: number): number {
  return check(c.syscall(SYS_pidfd_open, pid, 0, 0, 0), "pidfd_open", String(pid))
}

/** pidfd_send_signal(2). @throws SystemError; ESRCH when it has ended */
export function sendSignal(pidfd: number, signal: number): void {
  check(c.syscall(SYS_pidfd_send_signal, pidfd, signal, 0, 0), "pidfd_send_signal")
}

/**
 * A copy, close-on-exec, of another process's descriptor (pidfd_getfd(2), since Linux 5.6).
 * @throws SystemError; EPERM without the right to trace that process, EBADF when it has no such descriptor
 */
export function copyDescriptor(pid: number, descriptor: number): number {
  const pidfd = openPidfd(pid)
  try {
    return check(c.syscall(SYS_pidfd_getfd, pidfd, descriptor, 0, 0), "pidfd_getfd", `${pid}/${descriptor}`)
  } finally {
    closeSync(pidfd)
  }
}

/** From now on, until disposal, orphaned descendants become children of this process (prctl(2)). Survives execve. */
export function becomeSubreaper(): Disposable {
  const set = (value: number) =>
    void check(c.prctl(PR_SET_CHILD_SUBREAPER, value, 0, 0, 0), "prctl(PR_SET_CHILD_SUBREAPER)")
  set(1)
  return { [Symbol.dispose]: () => set(0) }
}

/** What waitid(2) writes; indices of its 32-bit words as every Linux architecture with 64 bits has them. */
const info = new Int32Array(new ArrayBuffer(128))
const siCode = 2
const siPid = 4
const siStatus = 6

/**
 * Reaps an ended child, adopted ones included.
 * @returns its exit code, 128 + signal for a killed one; undefined when it has not ended; `"not a child"`
 */
export function reap(pidfd: number): number | "not a child" | undefined {
  info.fill(0)
  if (c.waitid(P_PIDFD, pidfd, info, WEXITED | WNOHANG, null) < 0) {
    const number = errno()
    if (number === ECHILD) return "not a child"
    throw new SystemError("waitid", number)
  }
  if (info[siPid] === 0) return undefined
  return info[siCode] === CLD_EXITED ? info[siStatus]! : 128 + info[siStatus]!
}

/**
 * The PIDs of children, adopted ones included, that have ended and are not reaped yet; they stay so.
 * @param known children that are not asked for: nothing is read of them, however many they are
 */
export function endedChildren(known: ReadonlySet<number | undefined>): readonly number[] {
  info.fill(0)
  if (c.waitid(P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT, null) < 0 || !info[siPid]) return []
  return readdirSync("/proc/self/task")
    .flatMap((task) => childrenOf(task))
    .map(Number)
    .filter((pid) => pid > 0 && !known.has(pid) && statFields(pid)?.[0] === "Z")
}

/** What one thread has started, or adopted: proc(5). */
function childrenOf(task: string): readonly string[] {
  try {
    return readFileSync(`/proc/self/task/${task}/children`, "latin1").split(" ")
  } catch {
    // The thread has gone; its children are another one's now.
    return []
  }
}

/** Reaps the child `pid` if it has ended, throwing its status away. */
export function discardChild(pid: number): void {
  c.waitid(P_PID, pid, info, WEXITED | WNOHANG, null)
}

/**
 * How a process that is not our child ended: from the kernel's memory of it (PIDFD_GET_INFO, kept as long as a pidfd is
 * open once it has been reaped), or from /proc while it is a zombie.
 * @returns exit code, 128 + signal for a killed one; undefined when nobody can say (yet)
 */
export function exitOfStranger(pidfd: number, pid: number): number | undefined {
  const answer = Buffer.from(new ArrayBuffer(64))
  answer.writeBigUInt64LE(PIDFD_INFO_EXIT, 0)
  if (c.ioctl(pidfd, PIDFD_GET_INFO, answer) === 0 && answer.readBigUInt64LE(0) & PIDFD_INFO_EXIT) {
    return codeOf(answer.readInt32LE(60))
  }
  const fields = statFields(pid)
  return fields?.[0] === "Z" ? codeOf(Number(fields[49])) : undefined
}

/** Clock ticks after boot at which `pid` started: tells a process from a later one with the same PID. */
export function startTicks(pid: number): string | undefined {
  return statFields(pid)?.[19]
}

/** The fields of /proc/PID/stat from the third (state) on, since the second may hold spaces and parentheses; undefined when it has gone. */
export function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1")
    return text
      .slice(text.lastIndexOf(")") + 2)
      .trim()
      .split(" ")
  } catch {
    return undefined
  }
}

const codeOf = (waitStatus: number): number =>
  (waitStatus & 0x7f) === 0 ? (waitStatus >> 8) & 0xff : 128 + (waitStatus & 0x7f)
