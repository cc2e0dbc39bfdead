import { readdirSync, readFileSync, statSync } from "node:fs"
import { Failure } from "../errors/failure.ts"

/** How many descriptors this process has open. */
function openFiles(): number {
  // Since Linux 6.2 the directory's size tells; before, it is 0.
  return statSync("/proc/self/fd").size || readdirSync("/proc/self/fd").length
}

/** How many descriptors this process may have: RLIMIT_NOFILE, which Bun raises to the hard limit when it starts. */
const mostFiles = (): number =>
  Number(/^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1] ?? Number.POSITIVE_INFINITY)

/**
 * Refuses work for which this process could not open enough files, before anything of it is done.
 * @param who this process, for users @param spare descriptors that must be left
 * @throws unavailable, with the limit and how to raise it
 */
export function requireDescriptors(who: string, spare: number): void {
  const [open, most] = [openFiles(), mostFiles()]
  if (open + spare <= most) return
  throw new Failure(
    "unavailable",
    `${who} (PID ${process.pid}) has ${open} files open and may have ${most}, too few for a further process: raise its limit with "prlimit --pid ${process.pid} --nofile=1048576", and for its next start with LimitNOFILE= of its service or "ulimit -n"`,
  )
}
