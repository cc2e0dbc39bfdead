import { closeSync } from "node:fs"
import { setTimeout as pause } from "node:timers/promises"
import { exitOfStranger, openPidfd, reap, statFields } from "./pidfd.ts"

/** Set in a process's flags from fork(2) to execve(2), and kept when it ends before that. */
const PF_FORKNOEXEC = 0x40

/** How a process ended: errno where that is its exit code, or the signal that killed it. */
export type NewbornEnd = { readonly code: number } | { readonly signal: number }

/**
 * Waits until a process has become its program, or has ended before that. The kernel is asked, not the process: whoever may
 * trace the process can end it or let it become another program, but cannot have one taken for the other.
 * @param pid a process that is about to call execve(2) or exit(2); a child that has ended is reaped
 * @returns how it ended; undefined when it has become its program, or has gone
 */
export async function endOfNewborn(pid: number): Promise<NewbornEnd | undefined> {
  return (await endOfBirth(pid)) === "ended" ? takeEnd(pid) : undefined
}

/** As {@link endOfNewborn}, but leaves a process that has ended to others. */
export async function endOfBirth(pid: number): Promise<"ended" | undefined> {
  for (let wait = 0; ; wait = Math.min(2 * wait + 1, 100)) {
    const fields = statFields(pid)
    if (!fields || (Number(fields[6]) & PF_FORKNOEXEC) === 0) return undefined
    if (fields[0] === "Z") return "ended"
    await pause(wait)
  }
}

function takeEnd(pid: number): NewbornEnd {
  const pidfd = openPidfd(pid)
  try {
    const reaped = reap(pidfd)
    const code = (typeof reaped === "number" ? reaped : exitOfStranger(pidfd, pid)) ?? 0
    return code > 128 ? { signal: code - 128 } : { code }
  } finally {
    closeSync(pidfd)
  }
}
