import { assemble, type Row, type SystemCall } from "./syscall-image.ts"

/** A call that must not fail, or one that may. */
export type Step = SystemCall | { readonly attempt: SystemCall }

/** Exit code of a {@link syscallProgram} whose system call failed. */
export const callFailed = 125

/**
 * A static ELF program that makes `calls` and then becomes `program`: for what has to happen in a child between fork and
 * exec, which no JavaScript can do, at the price of one exec without libraries. Descriptors that it opens are numbered
 * from 3 on, as nothing else is inherited. A call that fails ends it with {@link callFailed}.
 * @param program the path of the program it becomes
 * @param words all that program's words, its name first
 * @throws RangeError on other architectures than x86_64 and arm64
 */
export function syscallProgram(
  calls: readonly Step[],
  program: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
  architecture: string = process.arch,
): Buffer {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  const steps: readonly Step[] = [...calls, ["execve", program, words, variables]]
  const rows = rowsOf(steps, 0, steps.length)
  return assemble([...rows, { call: ["exit_group", callFailed] }], architecture)
}

/**
 * A static ELF program that does nothing for ever, in a session of its own: it only keeps the descriptors open that it
 * inherits. No signal but SIGKILL ends it.
 * @throws RangeError on other architectures than x86_64 and arm64
 */
export function idleProgram(architecture: string = process.arch): Buffer {
  const everySignal = Buffer.alloc(8, 0xff)
  return assemble(
    [
      { call: ["setsid"], onFailure: 1, onPositive: 1 },
      { call: ["rt_sigprocmask", setMask, everySignal, 0, everySignal.length] },
      { call: ["ppoll", 0, 0, 0, 0], onFailure: 2, onPositive: 2 },
    ],
    architecture,
  )
}

/**
 * A static ELF program for the first process of a PID namespace: it does nothing for ever, and the kernel reaps for it what ends in the
 * namespace (wait(2): a parent that ignores SIGCHLD has no zombies). No signal but SIGKILL ends it, and only who may trace everything in
 * its user namespace may trace it.
 * @throws RangeError on other architectures than x86_64 and arm64
 */
export function reapingProgram(architecture: string = process.arch): Buffer {
  // struct sigaction of the kernel: handler, flags, restorer, mask.
  const ignore = Buffer.alloc(32)
  ignore.writeBigUInt64LE(SIG_IGN)
  const everySignal = Buffer.alloc(8, 0xff)
  return assemble(
    [
      { call: ["prctl", PR_SET_DUMPABLE, 0, 0, 0, 0] },
      { call: ["rt_sigaction", SIGCHLD, ignore, 0, everySignal.length] },
      { call: ["rt_sigprocmask", setMask, everySignal, 0, everySignal.length] },
      { call: ["ppoll", 0, 0, 0, 0], onFailure: 3, onPositive: 3 },
    ],
    architecture,
  )
}

/**
 * A static ELF program that makes `calls`, writes one byte to its stdout and does nothing more until it is killed: for
 * what exists only as long as a process is in it. When a call fails it ends without that byte, with errno as its exit code.
 * @throws RangeError on other architectures than x86_64 and arm64
 */
export function waitingProgram(calls: readonly SystemCall[], architecture: string = process.arch): Buffer {
  const ready: readonly SystemCall[] = [...calls, ["write", 1, "1", 1]]
  const waits = ready.length
  const again: Row = { call: ["ppoll", 0, 0, 0, 0], onFailure: waits, onPositive: waits }
  return assemble([...rowsOf(ready, 0), again], architecture)
}

/** SIG_SETMASK. */
const setMask = 2
const SIGCHLD = 17
const PR_SET_DUMPABLE = 4
const SIG_IGN = 1n

/**
 * @param first the number of the first row
 * @param onFailure the row to continue with when a call fails; absent: the process ends
 */
export const rowsOf = (steps: readonly Step[], first: number, onFailure?: number): readonly Row[] =>
  steps.map((step, index) => {
    if ("attempt" in step) return { call: step.attempt, onFailure: first + index + 1 }
    return onFailure === undefined ? { call: step } : { call: step, onFailure }
  })
