import { readdirSync, readFileSync } from "node:fs"
import { arch } from "node:os"
import { startTicks } from "../../linux/pidfd.ts"

/** One look at a process: whether a signal sent to it now can have an effect. */
export interface SignalLook {
  /** Proven not to: the kernel drops the signal when it is sent. */
  readonly deaf: boolean
  /** What decided it, for people. */
  readonly why: string
  /** Every thread with how often it was switched: two looks with the same marks say that no thread ran in between. */
  readonly marks: string
}

/** What /proc/PID/task/TID tells of a thread. */
export interface ThreadFiles {
  /** `status` before and after `syscall` was read. */
  readonly before: string
  readonly syscall: string
  readonly after: string
}

/**
 * Seconds that a program has for installing its handlers, or for becoming another program that does: as long as Docker would give it to
 * end itself.
 */
const setUpTime = 10

/** Threads that are looked at; with more of them the look would hold up other requests. */
const mostThreads = 64

/**
 * Looks whether process `pid` could ever hear `signal`. Only PID 1 of a PID namespace can be deaf: the kernel drops what it has no
 * handler for (pid_namespaces(7)). Everything that is not certain counts as hearing.
 */
export function lookForSignal(pid: number, signal: number): SignalLook {
  const threads = new Map<string, ThreadFiles>()
  const task = `/proc/${pid}/task`
  try {
    if (secondsSinceStart(pid) < setUpTime) return hearing("the program may still be setting itself up")
    const ids = readdirSync(task)
    if (ids.length > mostThreads) return hearing("PID 1 of the container has too many threads to look at each")
    for (const id of ids) {
      const read = (name: string) => readFileSync(`${task}/${id}/${name}`, "latin1")
      threads.set(id, { before: read("status"), syscall: read("syscall"), after: read("status") })
    }
  } catch {
    return hearing("PID 1 of the container cannot be looked at, or has ended")
  }
  return judge(threads, signal)
}

/** By the kernel's own clock: the wall clock may have been set since. */
function secondsSinceStart(pid: number): number {
  const ticksPerSecond = 100
  const started = Number(startTicks(pid) ?? Number.POSITIVE_INFINITY) / ticksPerSecond
  return Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]) - started
}

/** As {@link lookForSignal}, from what was read. */
export function judge(threads: ReadonlyMap<string, ThreadFiles>, signal: number): SignalLook {
  if (signal === 9 || signal === 19) return hearing("the kernel delivers the signal to every process")
  const marks: string[] = []
  for (const [id, thread] of threads) {
    const why = whyItMayHear(thread, signal)
    if (why) return hearing(why)
    marks.push(`${id} ${switches(thread.after)}`)
  }
  return {
    deaf: true,
    why: "PID 1 of the container has no handler for it, and the kernel never ends PID 1 by default",
    marks: marks.join(),
  }
}

const hearing = (why: string): SignalLook => ({ deaf: false, why, marks: "" })

/** proc(5): masks are hexadecimal, bit 0 is signal 1. @returns undefined for a thread that is certain not to hear `signal` */
function whyItMayHear({ before, syscall, after }: ThreadFiles, signal: number): string | undefined {
  const bit = 1n << BigInt(signal - 1)
  const has = (mask: string) => (BigInt(`0x${field(after, mask) ?? "0"}`) & bit) !== 0n
  const numbers = field(after, "NStgid")?.split(/\s+/) ?? []
  if (numbers.length < 2 || numbers.at(-1) !== "1") return "the process is not PID 1 of a PID namespace"
  if (has("SigBlk")) return "it is blocked and may be fetched later"
  if (has("SigCgt")) return "a handler is installed"
  if (has("SigIgn")) return "it is ignored on purpose, perhaps only for now"
  if (has("SigPnd") || has("ShdPnd")) return "it is on its way already"
  if (field(after, "TracerPid") !== "0") return "the process is traced"
  const asleep = [before, after].every((status) => field(status, "State")?.startsWith("S"))
  if (!asleep || switches(before) !== switches(after)) return "the process is at work"
  return mayWaitForSignals(syscall) ? "the process may be waiting for it" : undefined
}

const field = (status: string, name: string): string | undefined =>
  new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1]?.trim()

const switches = (status: string): string =>
  `${field(status, "voluntary_ctxt_switches")}/${field(status, "nonvoluntary_ctxt_switches")}`

/**
 * System calls in which a thread waits for signals, or with another mask than its own: `status` does not show then what it blocks at other
 * times. By architecture, 32-bit programs included; the value is the place of the pointer to the mask, which may be absent (NULL).
 */
const waits: Readonly<Record<string, Readonly<Record<number, number | "always">>>> = {
  x64: {
    128: "always", // rt_sigtimedwait
    130: "always", // rt_sigsuspend
    270: 5, // pselect6
    271: 3, // ppoll
    281: 4, // epoll_pwait
    333: 5, // io_pgetevents
    426: 4, // io_uring_enter
    441: 4, // epoll_pwait2
    // i386
    72: "always", // sigsuspend
    177: "always", // rt_sigtimedwait
    179: "always", // rt_sigsuspend
    308: 5, // pselect6
    309: 3, // ppoll
    319: 4, // epoll_pwait
    385: 5, // io_pgetevents
    413: 5, // pselect6_time64
    414: 3, // ppoll_time64
    416: 5, // io_pgetevents_time64
    421: "always", // rt_sigtimedwait_time64
  },
  arm64: {
    22: 4, // epoll_pwait
    72: "always", // pselect6, and sigsuspend of 32 bits
    73: 3, // ppoll
    133: "always", // rt_sigsuspend
    137: "always", // rt_sigtimedwait
    292: 5, // io_pgetevents
    426: 4, // io_uring_enter
    441: 4, // epoll_pwait2
    // 32 bits
    177: "always", // rt_sigtimedwait
    179: "always", // rt_sigsuspend
    335: 5, // pselect6
    336: 3, // ppoll
    346: 4, // epoll_pwait
    399: 5, // io_pgetevents
    413: 5, // pselect6_time64
    414: 3, // ppoll_time64
    416: 5, // io_pgetevents_time64
    421: "always", // rt_sigtimedwait_time64
  },
}

/** @param line of /proc/PID/syscall: the call's number and its six arguments; or words when it is not in a call */
export function mayWaitForSignals(line: string, machine: string = arch()): boolean {
  const known = waits[machine]
  const [number = "", ...words] = line.trim().split(" ")
  // Not in a call, or one of a numbering that is not listed (x32 has a bit of its own).
  if (!known || !/^\d{1,3}$/.test(number)) return true
  const mask = known[Number(number)]
  if (mask === undefined) return false
  return mask === "always" || BigInt(words[mask] ?? "1") !== 0n
}
