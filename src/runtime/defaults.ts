import { existsSync, readdirSync } from "node:fs"
import type { CgroupMode } from "../linux/cgroup-contract.ts"
import type { DeviceRule, SpecMount } from "../oci/runtime-spec.ts"

/** Parts of /proc and /sys that tell about the host or let one change it: hidden from containers. */
const masked = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
]

const cpuDirectory = "/sys/devices/system/cpu"

/** Paths hidden by default; per-CPU thermal counters too, where this machine has them. */
export function maskedPaths(): string[] {
  const cpus = existsSync(cpuDirectory) ? readdirSync(cpuDirectory).filter((name) => /^cpu\d+$/.test(name)) : []
  const thermal = cpus.map((name) => `${cpuDirectory}/${name}/thermal_throttle`).filter((path) => existsSync(path))
  return [...masked, ...thermal]
}

/** Paths that can be read but not written by default. */
export const readonlyPaths: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
]

/** Docker's default size of /dev/shm, in bytes. */
export const defaultShmSize = 64 * 1024 * 1024

export const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/** The file systems that every container gets, in mount order; /dev/shm apart, whose place depends on the IPC mode. */
export function defaultMounts(options: {
  readonly privileged: boolean
  readonly writableCgroups: boolean
  readonly cgroupMode: CgroupMode
}): SpecMount[] {
  const access = options.privileged ? "rw" : "ro"
  const cgroupAccess = options.writableCgroups ? "rw" : access
  return [
    { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", access] },
    {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: [cgroupAccess, "nosuid", "noexec", "nodev", ...(options.cgroupMode === "unified" ? ["relatime"] : [])],
    },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
  ]
}

/** A container's own /dev/shm. `size` in bytes. */
export const shmMount = (size: number): SpecMount => ({
  destination: "/dev/shm",
  type: "tmpfs",
  source: "shm",
  options: ["nosuid", "noexec", "nodev", "mode=1777", `size=${size}`],
})

const character = (major: number, minor: number | undefined): DeviceRule => ({
  allow: true,
  type: "c",
  major,
  ...(minor === undefined ? {} : { minor }),
  access: "rwm",
})

/**
 * Device access by default: nodes of any device may be made (that alone opens nothing), only harmless ones be used:
 * null, zero, full, random, urandom, tty, console, ptmx and the pseudo terminals.
 */
export const defaultDeviceRules: readonly DeviceRule[] = [
  { allow: false, access: "rwm" },
  { allow: true, type: "c", access: "m" },
  { allow: true, type: "b", access: "m" },
  character(1, 3),
  character(1, 5),
  character(1, 7),
  character(1, 8),
  character(1, 9),
  character(5, 0),
  character(5, 1),
  character(5, 2),
  character(136, undefined),
]

/** Everything, for privileged containers. */
export const allDeviceRules: readonly DeviceRule[] = [{ allow: true, type: "a", access: "rwm" }]
