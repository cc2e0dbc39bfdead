import type { Resources } from "../../../api/container-config.ts"
import { Failure } from "../../../errors/failure.ts"
import type { CgroupFeatures } from "../../../linux/cgroup-features.ts"

/** What limits are checked against. */
export interface ResourceFacts {
  readonly features: CgroupFeatures
  /** CPUs of this machine. */
  readonly cpus: number
}

/** The smallest memory limit, in bytes: below it no container starts. */
export const leastMemory = 6 * 1024 * 1024

const refuse = (message: string) => new Failure("invalidArgument", message)

/**
 * Checks limits with Docker's rules and words. What this kernel cannot limit is left out, with a warning.
 * @param update an update may change swap alone
 * @throws invalidArgument
 */
export function validateResources<T extends Resources>(
  resources: T,
  facts: ResourceFacts,
  update = false,
): { readonly resources: T; readonly warnings: readonly string[] } {
  const warnings: string[] = []
  let checked: T = {
    ...resources,
    MemorySwappiness: Number(resources.MemorySwappiness ?? -1) === -1 ? null : resources.MemorySwappiness,
  }
  const discard = (change: Partial<Resources>, warning: string) => {
    checked = { ...checked, ...change }
    warnings.push(warning)
  }
  checkMemory(() => checked, discard, warnings, facts.features, update)
  checkCpu(() => checked, discard, facts)
  checkBlockIo(() => checked, discard, facts.features)
  return { resources: checked, warnings }
}

type Discard = (change: Partial<Resources>, warning: string) => void

function checkMemory(
  now: () => Resources,
  discard: Discard,
  warnings: string[],
  features: CgroupFeatures,
  update: boolean,
): void {
  const lacks = (what: string) => `Your kernel does not support ${what} or the cgroup is not mounted.`
  if (now().Memory !== 0 && now().Memory < leastMemory) throw refuse("Minimum memory limit allowed is 6MB")
  if (now().Memory > 0 && !features.memory)
    discard({ Memory: 0, MemorySwap: -1 }, `${lacks("memory limit capabilities")} Limitation discarded.`)
  if (now().Memory > 0 && now().MemorySwap !== -1 && !features.swap)
    discard({ MemorySwap: -1 }, `${lacks("swap limit capabilities")} Memory limited without swap.`)
  if (now().Memory > 0 && now().MemorySwap > 0 && now().MemorySwap < now().Memory)
    throw refuse("Minimum memoryswap limit should be larger than memory limit, see usage")
  if (now().Memory === 0 && now().MemorySwap > 0 && !update)
    throw refuse("You should always set the Memory limit when using Memoryswap limit, see usage")
  if (now().MemorySwappiness !== null && !features.memorySwappiness)
    discard({ MemorySwappiness: null }, `${lacks("memory swappiness capabilities")} Memory swappiness discarded.`)
  const swappiness = now().MemorySwappiness
  if (swappiness !== null && (swappiness < 0 || swappiness > 100))
    throw refuse(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`)
  if (now().MemoryReservation > 0 && !features.memoryReservation)
    discard({ MemoryReservation: 0 }, `${lacks("memory soft limit capabilities")} Limitation discarded.`)
  if (now().MemoryReservation > 0 && now().MemoryReservation < leastMemory)
    throw refuse("Minimum memory reservation allowed is 6MB")
  if (now().MemoryReservation > 0 && now().Memory > 0 && now().Memory < now().MemoryReservation)
    throw refuse("Minimum memory limit can not be less than memory reservation limit, see usage")
  if ((now().KernelMemoryTCP ?? 0) > 0 && !features.kernelMemoryTcp)
    discard({ KernelMemoryTCP: 0 }, `${lacks("kernel memory TCP limit capabilities")} Limitation discarded.`)
  const oom = now().OomKillDisable
  if (oom && !features.oomKillDisable)
    discard({ OomKillDisable: null }, "Your kernel does not support OomKillDisable. OomKillDisable discarded.")
  else if (oom && now().Memory === 0)
    warnings.push(
      "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.",
    )
  const pids = now().PidsLimit
  if (pids !== null && pids > 0 && !features.pids)
    discard({ PidsLimit: null }, `${lacks("PIDs limit capabilities")} PIDs limit discarded.`)
}

function checkCpu(now: () => Resources, discard: Discard, { features, cpus }: ResourceFacts): void {
  const { NanoCpus, CpuPeriod, CpuQuota, CpusetCpus, CpusetMems } = now()
  if (NanoCpus > 0 && CpuPeriod > 0) throw refuse("Conflicting options: Nano CPUs and CPU Period cannot both be set")
  if (NanoCpus > 0 && CpuQuota > 0) throw refuse("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
  if (NanoCpus > 0 && !features.cpuCfs)
    throw refuse(
      "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted",
    )
  if (NanoCpus < 0 || NanoCpus > cpus * 1e9)
    throw refuse(`Range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`)
  if (now().CpuShares < 0) throw refuse(`invalid CPU shares (${now().CpuShares}): value must be a positive integer`)
  if (now().CpuShares > 0 && !features.cpuShares)
    discard({ CpuShares: 0 }, "Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.")
  if ((CpuPeriod !== 0 || CpuQuota !== 0) && !features.cpuCfs)
    discard(
      { CpuPeriod: 0, CpuQuota: 0 },
      "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.",
    )
  if (CpuPeriod !== 0 && (CpuPeriod < 1000 || CpuPeriod > 1_000_000))
    throw refuse("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
  if (CpuQuota > 0 && CpuQuota < 1000) throw refuse("CPU cfs quota can not be less than 1ms (i.e. 1000)")
  if (now().CpuPercent > 0) discard({ CpuPercent: 0 }, "linux does not support CPU percent. Percent discarded.")
  if (now().CpuRealtimePeriod !== 0 || now().CpuRealtimeRuntime !== 0) {
    if (!features.cpuRealtime) throw refuse("Your kernel does not support CPU real-time scheduler")
    if (now().CpuRealtimePeriod !== 0 && now().CpuRealtimeRuntime > now().CpuRealtimePeriod)
      throw refuse("cpu real-time runtime cannot be higher than cpu real-time period")
  }
  if ((CpusetCpus || CpusetMems) && !features.cpuset)
    discard(
      { CpusetCpus: "", CpusetMems: "" },
      "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.",
    )
  checkSet(now().CpusetCpus, features.cpus, "cpuset cpus", "CPUs")
  checkSet(now().CpusetMems, features.mems, "cpuset mems", "memory nodes")
}

function checkSet(asked: string, available: string, name: string, what: string): void {
  if (asked === "") return
  const wanted = parseSet(asked)
  if (!wanted || wanted.size === 0) throw refuse(`Invalid value ${asked} for ${name}`)
  const there = parseSet(available) ?? new Set()
  if ([...wanted].some((one) => !there.has(one)))
    throw refuse(`Requested ${what} are not available - requested ${asked}, available: ${available}`)
}

/** Reads `0-3,8`. @returns undefined when it is not such a list, or one of absurd size */
export function parseSet(text: string): Set<number> | undefined {
  const found = new Set<number>()
  for (const part of text.split(",")) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim())
    if (!match) return undefined
    const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])]
    if (last < first || last > 8192) return undefined
    for (let one = first; one <= last; one++) found.add(one)
  }
  return found
}

function checkBlockIo(now: () => Resources, discard: Discard, features: CgroupFeatures): void {
  const { BlkioWeight } = now()
  if (BlkioWeight > 0 && !features.blkioWeight)
    discard(
      { BlkioWeight: 0 },
      "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
    )
  if (BlkioWeight > 0 && (BlkioWeight < 10 || BlkioWeight > 1000))
    throw refuse("Range of blkio weight is from 10 to 1000")
  if (now().IOMaximumBandwidth !== 0 || now().IOMaximumIOps !== 0)
    throw refuse("Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps")
  if (now().BlkioWeightDevice?.length && !features.blkioWeightDevice)
    discard(
      { BlkioWeightDevice: null },
      "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
    )
  const throttles = [
    ["BlkioDeviceReadBps", "BPS Block I/O read limit", "Block I/O BPS read limit"],
    ["BlkioDeviceWriteBps", "BPS Block I/O write limit", "Block I/O BPS write limit"],
    ["BlkioDeviceReadIOps", "IOPS Block read limit", "Block I/O IOPS read limit"],
    ["BlkioDeviceWriteIOps", "IOPS Block write limit", "Block I/O IOPS write limit"],
  ] as const
  for (const [key, kernel, limit] of throttles)
    if (now()[key]?.length && !features.blkioThrottle)
      discard(
        { [key]: null },
        `Your kernel does not support ${kernel} or the cgroup is not mounted. ${limit} discarded.`,
      )
}
