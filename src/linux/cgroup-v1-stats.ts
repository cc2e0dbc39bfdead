import type { CgroupStats } from "./cgroup-contract.ts"
import { readControl, readCount, readTable } from "./cgroup-files.ts"
import type { DirectoryOf } from "./cgroup-v1-limits.ts"

/** Nanoseconds per USER_HZ tick, which Linux fixes at 100 per second for user space. */
const tick = 10_000_000n

/** Counters of a v1 group; a controller that is not mounted is left out. */
export function readStats(directoryOf: DirectoryOf): CgroupStats {
  const cpu = readCpu(directoryOf("cpuacct"), directoryOf("cpu"))
  const memory = readMemory(directoryOf("memory"))
  const pids = readPids(directoryOf("pids"))
  const io = readIo(directoryOf("blkio"))
  return { ...(cpu && { cpu }), ...(memory && { memory }), ...(pids && { pids }), ...(io && { io }) }
}

function readCpu(accounting: string | undefined, scheduling: string | undefined): CgroupStats["cpu"] {
  const usage = accounting && readCount(`${accounting}/cpuacct.usage`)
  if (usage === undefined || usage === "") return undefined
  const split = readTable(`${accounting}/cpuacct.stat`)
  const perCpu = readControl(`${accounting}/cpuacct.usage_percpu`)
  const throttling = scheduling ? readTable(`${scheduling}/cpu.stat`) : {}
  return {
    usage,
    user: (split["user"] ?? 0n) * tick,
    system: (split["system"] ?? 0n) * tick,
    ...(perCpu === undefined ? {} : { perCpu: perCpu.split(/\s+/).filter(Boolean).map(BigInt) }),
    ...(throttling["nr_periods"] === undefined
      ? {}
      : {
          periods: throttling["nr_periods"],
          throttledPeriods: throttling["nr_throttled"] ?? 0n,
          throttledTime: throttling["throttled_time"] ?? 0n,
        }),
  }
}

function readMemory(directory: string | undefined): CgroupStats["memory"] {
  const usage = directory === undefined ? undefined : readCount(`${directory}/memory.usage_in_bytes`)
  if (usage === undefined) return undefined
  const maxUsage = readCount(`${directory}/memory.max_usage_in_bytes`)
  const limit = readCount(`${directory}/memory.limit_in_bytes`)
  const failcnt = readCount(`${directory}/memory.failcnt`)
  return {
    usage,
    ...(maxUsage === undefined ? {} : { maxUsage }),
    ...(limit === undefined ? {} : { limit }),
    ...(failcnt === undefined ? {} : { failcnt }),
    stats: readTable(`${directory}/memory.stat`),
  }
}

function readPids(directory: string | undefined): CgroupStats["pids"] {
  const current = directory === undefined ? undefined : readCount(`${directory}/pids.current`)
  if (current === undefined) return undefined
  const limit = readCount(`${directory}/pids.max`)
  return { current, ...(limit === undefined ? {} : { limit }) }
}

function readIo(directory: string | undefined): CgroupStats["io"] {
  if (directory === undefined) return undefined
  const bytes = readControl(`${directory}/blkio.throttle.io_service_bytes_recursive`)
  if (bytes === undefined) return undefined
  const operations = new Map<string, bigint>()
  for (const [key, value] of ioLines(readControl(`${directory}/blkio.throttle.io_serviced_recursive`) ?? ""))
    operations.set(key, value)
  return ioLines(bytes).map(([key, value]) => {
    const [major, minor, op] = key.split(/[: ]/)
    return { major: Number(major), minor: Number(minor), op: op!, bytes: value, operations: operations.get(key) ?? 0n }
  })
}

/** `8:0 Read 4096` lines; the closing `Total 0` has no device and is left out. */
const ioLines = (text: string): [key: string, value: bigint][] =>
  [...text.matchAll(/^(\d+:\d+ \w+) (\d+)$/gm)].map((match) => [match[1]!, BigInt(match[2]!)])
