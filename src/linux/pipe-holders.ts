import { closeSync, readdirSync, readlinkSync } from "node:fs"
import { openPidfd, sendSignal } from "./pidfd.ts"

/** The kernel's name of a pipe that this process has open; undefined for what is no pipe. */
export function pipeName(descriptor: number): string | undefined {
  const name = readlinkSync(`/proc/self/fd/${descriptor}`)
  return name.startsWith("pipe:") ? name : undefined
}

/** The kernel's name of a pipe by its inode number. */
export const nameOfPipe = (inode: string): string => `pipe:[${inode}]`

/** Ends every process that has one of the named pipes for its stdin, stdout or stderr, wherever it is. */
export function killPipeHolders(names: readonly string[]): void {
  if (names.length === 0) return
  for (const pid of readdirSync("/proc").map(Number)) {
    if (pid > 0 && holds(pid, names)) kill(pid, names)
  }
}

const holds = (pid: number, names: readonly string[]): boolean =>
  [0, 1, 2].some((descriptor) => {
    try {
      return names.includes(readlinkSync(`/proc/${pid}/fd/${descriptor}`))
    } catch {
      return false
    }
  })

/** Looks again by then: a PID may be another process's. */
function kill(pid: number, names: readonly string[]): void {
  try {
    const pidfd = openPidfd(pid)
    try {
      if (holds(pid, names)) sendSignal(pidfd, 9)
    } finally {
      closeSync(pidfd)
    }
  } catch {
    // It has ended.
  }
}
