import { existsSync, readdirSync } from "node:fs"
import type { CgroupHost } from "./cgroup.ts"
import { readControl } from "./cgroup-files.ts"

/** Which limits this host's control groups can set; what a limit that they cannot set becomes is its caller's decision. */
export interface CgroupFeatures {
  readonly memory: boolean
  readonly swap: boolean
  readonly memoryReservation: boolean
  readonly memorySwappiness: boolean
  readonly kernelMemoryTcp: boolean
  readonly oomKillDisable: boolean
  readonly cpuShares: boolean
  readonly cpuCfs: boolean
  readonly cpuRealtime: boolean
  readonly cpuset: boolean
  readonly pids: boolean
  readonly blkioWeight: boolean
  readonly blkioWeightDevice: boolean
  readonly blkioThrottle: boolean
  readonly devices: boolean
  readonly freezer: boolean
  /** CPUs and memory nodes that may be asked for, as lists of ranges (`0-3,8`). */
  readonly cpus: string
  readonly mems: string
}

/** Looks at the control files of `host`. */
export function cgroupFeatures(host: CgroupHost): CgroupFeatures {
  return host.mode === "unified" ? unified(host) : separate(host)
}

function separate(host: CgroupHost): CgroupFeatures {
  const directory = (controller: string) =>
    host.hierarchies.find((one) => one.controllers.includes(controller))?.mountPoint
  const has = (controller: string, file: string) => {
    const at = directory(controller)
    return at !== undefined && existsSync(`${at}/${file}`)
  }
  const anywhere = (controller: string, file: string) => {
    const at = directory(controller)
    return at !== undefined && inChild(at, file)
  }
  const weight = has("blkio", "blkio.weight") || anywhere("blkio", "blkio.bfq.weight")
  return {
    memory: has("memory", "memory.limit_in_bytes"),
    swap: has("memory", "memory.memsw.limit_in_bytes"),
    memoryReservation: has("memory", "memory.soft_limit_in_bytes"),
    memorySwappiness: has("memory", "memory.swappiness"),
    kernelMemoryTcp: has("memory", "memory.kmem.tcp.limit_in_bytes"),
    oomKillDisable: has("memory", "memory.oom_control"),
    cpuShares: has("cpu", "cpu.shares"),
    cpuCfs: has("cpu", "cpu.cfs_quota_us"),
    cpuRealtime: has("cpu", "cpu.rt_period_us"),
    cpuset: has("cpuset", "cpuset.cpus"),
    pids: directory("pids") !== undefined,
    blkioWeight: weight,
    blkioWeightDevice: has("blkio", "blkio.weight_device") || anywhere("blkio", "blkio.bfq.weight_device"),
    blkioThrottle: has("blkio", "blkio.throttle.read_bps_device"),
    devices: directory("devices") !== undefined,
    freezer: directory("freezer") !== undefined,
    cpus: control(directory("cpuset"), "cpuset.cpus"),
    mems: control(directory("cpuset"), "cpuset.mems"),
  }
}

function unified(host: CgroupHost): CgroupFeatures {
  const root = host.unified ?? "/sys/fs/cgroup"
  const has = (controller: string) => host.controllers.has(controller)
  return {
    memory: has("memory"),
    swap: has("memory") && inChild(root, "memory.swap.max"),
    memoryReservation: has("memory"),
    memorySwappiness: false,
    kernelMemoryTcp: false,
    oomKillDisable: false,
    cpuShares: has("cpu"),
    cpuCfs: has("cpu"),
    cpuRealtime: false,
    cpuset: has("cpuset"),
    pids: has("pids"),
    blkioWeight: has("io") && (inChild(root, "io.weight") || inChild(root, "io.bfq.weight")),
    blkioWeightDevice: has("io") && inChild(root, "io.weight"),
    blkioThrottle: has("io"),
    devices: true,
    freezer: true,
    cpus: control(root, "cpuset.cpus.effective"),
    mems: control(root, "cpuset.mems.effective"),
  }
}

/** Root groups lack some files that all groups below have: looks into the first few of those. True when there are none. */
function inChild(root: string, file: string): boolean {
  if (existsSync(`${root}/${file}`)) return true
  const children = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return children.length === 0
    ? file === "memory.swap.max"
    : children.some((entry) => existsSync(`${root}/${entry.name}/${file}`))
}

const control = (directory: string | undefined, file: string): string =>
  directory === undefined ? "" : (readControl(`${directory}/${file}`) ?? "")
