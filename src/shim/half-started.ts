import { closeSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { openPidfd, sendSignal, startTicks } from "../linux/pidfd.ts"
import type { ProcessRecord } from "./record.ts"

/**
 * Ends an init whose start nobody was told of, since the shim was killed while the runtime was at work: it is then cleanly
 * absent. The runtime may have been about to write the PID; whoever made the cgroup kills what is in it as well.
 */
export function killHalfStarted(record: ProcessRecord, journal: (line: string) => void): void {
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
