import { existsSync } from "node:fs"
import type { Resources } from "../oci/runtime-spec.ts"
import { readCount, writeLimit } from "./cgroup-files.ts"

/** `cpu.shares` (2–262144) as `cpu.weight` (1–10000): the linear map that the OCI runtimes use. */
export const cpuWeight = (shares: number): number =>
  1 + Math.floor(((Math.min(Math.max(shares, 2), 262144) - 2) * 9999) / 262142)

/** `blkio.weight` (10–1000) as `io.weight` (1–10000). */
export const ioWeight = (weight: number): number =>
  1 + Math.floor(((Math.min(Math.max(weight, 10), 1000) - 10) * 9999) / 990)

const orMax = (value: number): string => (value < 0 ? "max" : String(value))

/** Changes limits of a live v2 group. @throws invalidArgument naming the limit that the kernel refused */
export function writeUnifiedLimits(directory: string, resources: Resources): void {
  const set = (limit: string, file: string, value: string) => writeLimit(limit, `${directory}/${file}`, value)
  const { cpu, memory, pids, blockIO } = resources
  if (cpu?.cpus) set("the CPU set", "cpuset.cpus", cpu.cpus)
  if (cpu?.mems) set("the memory node set", "cpuset.mems", cpu.mems)
  if (cpu?.shares) set("CPU shares", "cpu.weight", String(cpuWeight(cpu.shares)))
  if (cpu?.quota || cpu?.period) {
    const quota = !cpu.quota || cpu.quota < 0 ? "max" : String(cpu.quota)
    set("the CPU quota", "cpu.max", cpu.period ? `${quota} ${cpu.period}` : quota)
  }
  if (memory) writeMemory(directory, set, memory)
  if (pids) set("the pids limit", "pids.max", pids.limit > 0 ? String(pids.limit) : "max")
  if (blockIO?.weight || blockIO?.weightDevice?.length) {
    const bfq = existsSync(`${directory}/io.bfq.weight`)
    const file = bfq ? "io.bfq.weight" : "io.weight"
    const scaled = (weight: number) => String(bfq ? weight : ioWeight(weight))
    if (blockIO.weight) set("the block IO weight", file, scaled(blockIO.weight))
    for (const { major, minor, weight } of blockIO.weightDevice ?? [])
      set("the block IO weight of a device", file, `${major}:${minor} ${weight ? scaled(weight) : "default"}`)
  }
  const throttles = [
    ["throttleReadBpsDevice", "rbps"],
    ["throttleWriteBpsDevice", "wbps"],
    ["throttleReadIOPSDevice", "riops"],
    ["throttleWriteIOPSDevice", "wiops"],
  ] as const
  for (const [key, word] of throttles)
    for (const device of blockIO?.[key] ?? [])
      set("the block IO rate of a device", "io.max", `${device.major}:${device.minor} ${word}=${device.rate || "max"}`)
  for (const page of resources.hugepageLimits ?? [])
    set(`the huge page limit ${page.pageSize}`, `hugetlb.${page.pageSize}.max`, String(page.limit))
  for (const [file, value] of Object.entries(resources.unified ?? {})) set(file, file, value)
}

type Set = (limit: string, file: string, value: string) => void

function writeMemory(directory: string, set: Set, memory: NonNullable<Resources["memory"]>): void {
  if (memory.swap) {
    // v2 counts swap alone; the runtime specification's `swap` is memory and swap together.
    const limit = memory.limit ?? Number(readCount(`${directory}/memory.max`) ?? -1n)
    const swap = memory.swap < 0 ? "max" : limit < 0 ? "0" : String(Math.max(memory.swap - limit, 0))
    if (existsSync(`${directory}/memory.swap.max`)) set("the swap limit", "memory.swap.max", swap)
  }
  if (memory.limit) set("the memory limit", "memory.max", orMax(memory.limit))
  if (memory.reservation) set("the memory reservation", "memory.low", orMax(memory.reservation))
}
