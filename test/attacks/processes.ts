import { readdirSync, readFileSync, readlinkSync } from "node:fs"

/**
 * Whether a process of the host runs a program whose path begins so.
 * @param cgroup a word of its control groups' paths; absent: whatever they are
 */
export const processesOf = (program: string, cgroup = ""): boolean =>
  readdirSync("/proc").some((pid) => {
    try {
      return (
        readlinkSync(`/proc/${pid}/exe`).startsWith(program) &&
        readFileSync(`/proc/${pid}/cgroup`, "latin1").includes(cgroup)
      )
    } catch {
      return false
    }
  })
