import { readFileSync } from "node:fs"
import type { Cgroup, CgroupMode } from "./cgroup-contract.ts"
import { readControl } from "./cgroup-files.ts"
import { CgroupV1 } from "./cgroup-v1.ts"
import { CgroupV2 } from "./cgroup-v2.ts"
import { unescapeMount } from "./mount-table.ts"

/** One mounted v1 hierarchy. Several controllers may share it (`cpu,cpuacct`); a named one has none (`name=systemd`). */
export interface Hierarchy {
  readonly controllers: readonly string[]
  readonly name?: string
  readonly mountPoint: string
}

/** What control groups this host has, as found in /proc/self/mountinfo. */
export interface CgroupHost {
  readonly mode: CgroupMode
  /** Mounted v1 hierarchies; empty when `unified`. */
  readonly hierarchies: readonly Hierarchy[]
  /** Where cgroup v2 is mounted, if it is. */
  readonly unified?: string
  /** Controllers that can be used: those of the v1 hierarchies, or v2's own when `unified`. */
  readonly controllers: ReadonlySet<string>
  /** Controllers bound to v2 on a hybrid host. crun 1.8 refuses such hosts when there is one. */
  readonly unifiedControllers: readonly string[]
}

/** Reads the host's control groups. Hierarchies that are not mounted are simply not there. */
export function detectCgroups(mountinfo = readFileSync("/proc/self/mountinfo", "utf8")): CgroupHost {
  const hierarchies: Hierarchy[] = []
  let unified: string | undefined
  for (const line of mountinfo.split("\n")) {
    const [mount, filesystem] = line.split(" - ")
    if (!mount || !filesystem) continue
    const mountPoint = unescapeMount(mount.split(" ")[4]!)
    const [type, , options = ""] = filesystem.split(" ")
    if (type === "cgroup2") unified ??= mountPoint
    if (type !== "cgroup") continue
    const words = options.split(",")
    const name = words.find((word) => word.startsWith("name="))?.slice(5)
    const controllers = words.filter((word) => knownControllers.has(word))
    const same = hierarchies.some((one) => one.name === name && one.controllers.join() === controllers.join())
    if (!same) hierarchies.push({ controllers, mountPoint, ...(name === undefined ? {} : { name }) })
  }
  const unifiedControllers = unified
    ? (readControl(`${unified}/cgroup.controllers`) ?? "").split(" ").filter(Boolean)
    : []
  const mode: CgroupMode = hierarchies.length === 0 ? "unified" : unified ? "hybrid" : "legacy"
  const controllers = new Set(mode === "unified" ? unifiedControllers : hierarchies.flatMap((one) => one.controllers))
  return { mode, hierarchies, controllers, unifiedControllers, ...(unified === undefined ? {} : { unified }) }
}

/**
 * A container's group at `path` (a leading slash, below every hierarchy's root), on whatever this host has.
 * Nothing is made before `create`.
 */
export function openCgroup(host: CgroupHost, path: string): Cgroup {
  return host.mode === "unified"
    ? new CgroupV2(host.unified ?? "/sys/fs/cgroup", path)
    : new CgroupV1(host.hierarchies, host.unified, path)
}

/** Where a container's group lies: `/barge/ID`, or below the parent that the daemon or the user configured. */
export const cgroupPath = (id: string, parent = "/barge"): string =>
  `/${parent.replace(/^\/+|\/+$/g, "")}/${id}`.replace(/^\/\//, "/")

const knownControllers = new Set(
  "cpu cpuacct cpuset memory devices freezer blkio pids hugetlb net_cls net_prio perf_event rdma misc".split(" "),
)
