import { statfsSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import type { SpecMount } from "../oci/runtime-spec.ts"

/** What stands in for these files of /proc gives nothing away and cannot mislead security checks. */
const replaceable = new Set(
  "cpuinfo diskstats loadavg meminfo net/dev slabinfo stat swaps sys/crypto/fips_enabled sys/kernel/ns_last_pid uptime"
    .split(" ")
    .map((name) => `/proc/${name}`),
)

/** The type of a proc file system (statfs(2)). */
const PROC_SUPER_MAGIC = 0x9fa0

/**
 * Refuses what would take the place of /proc or lie in it: security checks read files there. crun does not, runc does.
 * @param path where the mount comes to lie, links resolved
 * @throws internal in runc's words
 */
export function refuseInProc(path: string, { type, source }: SpecMount): void {
  if (path !== "/proc" && !path.startsWith("/proc/")) return
  if (path === "/proc" ? type === "proc" || isProc(source) : replaceable.has(path)) return
  const why = path === "/proc" ? "it is not of type proc" : "it is inside /proc"
  throw new Failure("internal", `OCI runtime create failed: ${JSON.stringify(path)} cannot be mounted because ${why}`)
}

function isProc(source: string | undefined): boolean {
  try {
    return source !== undefined && statfsSync(source).type === PROC_SUPER_MAGIC
  } catch {
    return false
  }
}
