import { Failure } from "../errors/failure.ts"
import type { DeviceRule, Resources, ThrottleDevice } from "../oci/runtime-spec.ts"
import { readControl, readCount, writeControl, writeLimit } from "./cgroup-files.ts"

/** The group's directory in the hierarchy of a controller; undefined when that is not mounted. */
export type DirectoryOf = (controller: string) => string | undefined

/** Writes every limit that `resources` names, device rules apart. Orders of writes are those the kernel accepts on a live group. */
export function writeLimits(directoryOf: DirectoryOf, resources: Resources): void {
  const at = (controller: string, limit: string): string => {
    const directory = directoryOf(controller)
    if (directory) return directory
    throw new Failure("invalidArgument", `cannot set ${limit}: this host has no ${controller} control group`)
  }
  if (resources.cpu) writeCpu(at, resources.cpu)
  if (resources.memory) writeMemory(at, resources.memory)
  if (resources.pids) {
    const { limit } = resources.pids
    writeLimit("the pids limit", `${at("pids", "the pids limit")}/pids.max`, limit > 0 ? String(limit) : "max")
  }
  if (resources.blockIO) writeBlockIo(at, resources.blockIO)
  for (const page of resources.hugepageLimits ?? []) {
    const limit = `the huge page limit ${page.pageSize}`
    writeLimit(limit, `${at("hugetlb", limit)}/hugetlb.${page.pageSize}.limit_in_bytes`, String(page.limit))
  }
}

type At = (controller: string, limit: string) => string

function writeCpu(at: At, cpu: NonNullable<Resources["cpu"]>): void {
  if (cpu.cpus) writeLimit("the CPU set", `${at("cpuset", "the CPU set")}/cpuset.cpus`, cpu.cpus)
  if (cpu.mems) writeLimit("the memory node set", `${at("cpuset", "the memory node set")}/cpuset.mems`, cpu.mems)
  if (cpu.shares) writeLimit("CPU shares", `${at("cpu", "CPU shares")}/cpu.shares`, String(cpu.shares))
  if (cpu.realtimePeriod)
    writeLimit(
      "the CPU realtime period",
      `${at("cpu", "the CPU realtime period")}/cpu.rt_period_us`,
      String(cpu.realtimePeriod),
    )
  if (cpu.realtimeRuntime)
    writeLimit(
      "the CPU realtime runtime",
      `${at("cpu", "the CPU realtime runtime")}/cpu.rt_runtime_us`,
      String(cpu.realtimeRuntime),
    )
  if (!cpu.period && !cpu.quota) return
  const directory = at("cpu", "the CPU quota")
  const period = () => {
    if (cpu.period) writeLimit("the CPU period", `${directory}/cpu.cfs_period_us`, String(cpu.period))
  }
  const quota = () => {
    if (cpu.quota) writeLimit("the CPU quota", `${directory}/cpu.cfs_quota_us`, String(cpu.quota))
  }
  // quota ÷ period may not exceed the parent's at any moment: a growing period goes first, a shrinking one last.
  const current = readCount(`${directory}/cpu.cfs_period_us`) ?? 0n
  if (BigInt(cpu.period ?? 0) >= current) {
    period()
    quota()
  } else {
    quota()
    period()
  }
}

function writeMemory(at: At, memory: NonNullable<Resources["memory"]>): void {
  if (memory.limit || memory.swap) {
    const directory = at("memory", "the memory limit")
    const limit = () => {
      if (memory.limit) writeLimit("the memory limit", `${directory}/memory.limit_in_bytes`, String(memory.limit))
    }
    const withSwap = () => {
      const swap = memory.swap || (memory.limit === -1 ? -1 : 0)
      const file = `${directory}/memory.memsw.limit_in_bytes`
      if (swap && (swap !== -1 || readControl(file) !== undefined))
        writeLimit("the memory and swap limit", file, String(swap))
    }
    // memsw may never be below the limit of memory alone: when growing it goes first, when shrinking last.
    const current = readCount(`${directory}/memory.limit_in_bytes`) ?? 0n
    if (memory.swap === -1 || memory.limit === -1 || current < BigInt(memory.swap ?? 0)) {
      withSwap()
      limit()
    } else {
      limit()
      withSwap()
    }
  }
  if (memory.reservation)
    writeLimit(
      "the memory reservation",
      `${at("memory", "the memory reservation")}/memory.soft_limit_in_bytes`,
      String(memory.reservation),
    )
  if (memory.kernelTCP)
    writeLimit(
      "the kernel TCP memory limit",
      `${at("memory", "the kernel TCP memory limit")}/memory.kmem.tcp.limit_in_bytes`,
      String(memory.kernelTCP),
    )
  if (memory.disableOOMKiller)
    writeLimit("the OOM killer switch", `${at("memory", "the OOM killer switch")}/memory.oom_control`, "1")
  if (memory.swappiness !== undefined)
    writeLimit("memory swappiness", `${at("memory", "memory swappiness")}/memory.swappiness`, String(memory.swappiness))
}

function writeBlockIo(at: At, io: NonNullable<Resources["blockIO"]>): void {
  if (io.weight || io.weightDevice?.length) {
    const directory = at("blkio", "the block IO weight")
    const plain = readControl(`${directory}/blkio.weight`) !== undefined
    const file = plain ? `${directory}/blkio.weight` : `${directory}/blkio.bfq.weight`
    if (io.weight) writeLimit("the block IO weight", file, String(io.weight))
    // Each of the two schedulers takes a weight of a device back by a word of its own.
    const none = plain ? "0" : "default"
    for (const device of io.weightDevice ?? [])
      writeLimit(
        "the block IO weight of a device",
        `${file}_device`,
        `${device.major}:${device.minor} ${device.weight || none}`,
      )
  }
  const throttle = (devices: readonly ThrottleDevice[] | undefined, file: string, limit: string) => {
    for (const device of devices ?? [])
      writeLimit(
        limit,
        `${at("blkio", limit)}/blkio.throttle.${file}`,
        `${device.major}:${device.minor} ${device.rate}`,
      )
  }
  throttle(io.throttleReadBpsDevice, "read_bps_device", "the read rate (bytes) of a device")
  throttle(io.throttleWriteBpsDevice, "write_bps_device", "the write rate (bytes) of a device")
  throttle(io.throttleReadIOPSDevice, "read_iops_device", "the read rate (operations) of a device")
  throttle(io.throttleWriteIOPSDevice, "write_iops_device", "the write rate (operations) of a device")
}

/**
 * Writes the device allow-list: the rules in order, each a change to what the ones before it left (runtime
 * specification, "Allowed Device list"). A new group has its parent's access, so a list should begin with deny-all.
 */
export function writeDeviceRules(directory: string, rules: readonly DeviceRule[]): void {
  for (const rule of rules) for (const text of ruleTexts(rule)) writeDeviceRule(directory, rule.allow, text)
}

function writeDeviceRule(directory: string, allow: boolean, text: string): void {
  try {
    writeControl(`${directory}/${allow ? "devices.allow" : "devices.deny"}`, text)
  } catch (error) {
    throw new Failure(
      "invalidArgument",
      `cannot set the device rule "${allow ? "allow" : "deny"} ${text}": the kernel answered ${(error as NodeJS.ErrnoException).code}`,
      error,
    )
  }
}

/** The kernel takes `a` for every device whatever numbers follow: a narrower rule for all types is written for each. */
function ruleTexts(rule: DeviceRule): string[] {
  const number = (value: number | undefined) => (value === undefined || value < 0 ? "*" : String(value))
  const rest = `${number(rule.major)}:${number(rule.minor)} ${rule.access ?? "rwm"}`
  if (rule.type === "b" || rule.type === "c") return [`${rule.type} ${rest}`]
  return rest === "*:* rwm" ? ["a"] : [`b ${rest}`, `c ${rest}`]
}
