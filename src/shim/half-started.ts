import { closeSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { bootId } from "../linux/boot.ts"
import { openPidfd, sendSignal, startTicks } from "../linux/pidfd.ts"
import { killPipeHolders, nameOfPipe } from "../linux/pipe-holders.ts"
import type { ProcessRecord } from "./record.ts"

/**
 * Ends a process whose start nobody was told of, since the shim was killed in the middle of it: it is then cleanly absent.
 * All that works for the start has its stdio, and so has the process, unless it has put something else there or has a
 * terminal. A terminal is hung up. A runtime may have been about to write init's PID; whoever made the cgroup kills what is
 * in it as well.
 */
export function killHalfStarted(record: ProcessRecord, journal: (line: string) => void): void {
  if (record.boot === bootId()) killPipeHolders(Object.values(record.pipes ?? {}).map(nameOfPipe))
  if (!record.bundle) return
  try {
    const pidFile = join(record.bundle, "init.pid")
    const pid = Number(readFileSync(pidFile, "utf8"))
    if (!Number.isSafeInteger(pid) || pid <= 1 || !startedBy(pid, pidFile)) return
    const pidfd = openPidfd(pid)
    sendSignal(pidfd, 9)
    closeSync(pidfd)
    journal(`ended ${record.id} (PID ${pid}): its start had not been acknowledged`)
  } catch {
    // No PID was written, or it has gone.
  }
}

/** Whether `pid` started right before the runtime wrote it down: otherwise it is a later process with the same number. */
function startedBy(pid: number, pidFile: string): boolean {
  const bootedAt = Date.now() / 1000 - Number(readFileSync("/proc/uptime", "latin1").split(" ")[0])
  const startedAt = bootedAt + Number(startTicks(pid)) / ticksPerSecond
  return Math.abs(statSync(pidFile).mtimeMs / 1000 - startedAt) < 5
}

/** USER_HZ, the same on every architecture. */
const ticksPerSecond = 100
