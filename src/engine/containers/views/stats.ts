import { readFileSync } from "node:fs"
import { cpus, totalmem } from "node:os"
import type { BlkioEntry, CpuStats, NetworkStats, StatsResponse } from "../../../api/stats.ts"
import type { Scope } from "../../../core/scope.ts"
import type { CgroupStats } from "../../../linux/cgroup-contract.ts"
import { formatNanos, nowNanos, zeroTime } from "../../../std/clock.ts"
import type { Int64 } from "../../../std/json.ts"
import type { Container } from "../record/container.ts"
import type { StatsOptions, ViewsNeeds } from "./contract.ts"

type StatsNeeds = Pick<ViewsNeeds, "tasks" | "networking" | "turns">

const noCpu: CpuStats = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
}
const noBlkio: StatsResponse["blkio_stats"] = {
  io_service_bytes_recursive: null,
  io_serviced_recursive: null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
}

/** Carries out `Views.stats`. */
export async function* containerStats(
  needs: StatsNeeds,
  scope: Scope,
  container: Container,
  options: StatsOptions,
): AsyncGenerator<StatsResponse> {
  let previous: { cpu: CpuStats; read: string } = { cpu: noCpu, read: zeroTime }
  if (!options.stream) {
    if (!options.oneShot && container.running) {
      const first = sample(needs, scope, container, previous)
      previous = { cpu: first.cpu_stats, read: first.read }
      await nextSecond(needs, scope.signal)
    }
    yield sample(needs, scope, container, previous)
    return
  }
  for (;;) {
    const current = sample(needs, scope, container, previous)
    yield current
    previous = { cpu: current.cpu_stats, read: current.read }
    await nextSecond(needs, scope.signal)
    if (scope.signal?.aborted || container.removed) return
  }
}

function sample(
  needs: StatsNeeds,
  scope: Scope,
  container: Container,
  previous: { readonly cpu: CpuStats; readonly read: string },
): StatsResponse {
  const base = {
    name: `/${container.name}`,
    id: container.id,
    os_type: "linux" as const,
    read: zeroTime,
    preread: previous.read,
    pids_stats: {},
    blkio_stats: noBlkio,
    num_procs: 0,
    storage_stats: {},
    cpu_stats: noCpu,
    precpu_stats: previous.cpu,
    memory_stats: {},
  }
  if (!container.running) return base
  let stats: CgroupStats
  try {
    stats = needs.tasks.stats(scope, container.id)
  } catch {
    return base
  }
  const networks = networkStats(needs, container)
  return {
    ...base,
    read: formatNanos(nowNanos()),
    pids_stats: stats.pids
      ? {
          current: int(stats.pids.current),
          ...(stats.pids.limit === undefined ? {} : { limit: int(stats.pids.limit) }),
        }
      : {},
    blkio_stats: blkioStats(stats),
    cpu_stats: cpuStats(stats),
    memory_stats: memoryStats(stats),
    ...(networks ? { networks } : {}),
  }
}

function cpuStats({ cpu }: CgroupStats): CpuStats {
  if (!cpu) return noCpu
  return {
    cpu_usage: {
      total_usage: int(cpu.usage),
      ...(cpu.perCpu ? { percpu_usage: cpu.perCpu.map(int) } : {}),
      usage_in_kernelmode: int(cpu.system),
      usage_in_usermode: int(cpu.user),
    },
    system_cpu_usage: int(systemCpuNanos()),
    online_cpus: cpus().length,
    throttling_data: {
      periods: int(cpu.periods ?? 0n),
      throttled_periods: int(cpu.throttledPeriods ?? 0n),
      throttled_time: int(cpu.throttledTime ?? 0n),
    },
  }
}

function memoryStats({ memory }: CgroupStats): StatsResponse["memory_stats"] {
  if (!memory) return {}
  const hostMemory = BigInt(totalmem())
  const limit = memory.limit === undefined || memory.limit > hostMemory ? hostMemory : memory.limit
  return {
    usage: int(memory.usage),
    ...(memory.maxUsage === undefined ? {} : { max_usage: int(memory.maxUsage) }),
    stats: Object.fromEntries(Object.entries(memory.stats).map(([key, value]) => [key, int(value)])),
    ...(memory.failcnt === undefined ? {} : { failcnt: int(memory.failcnt) }),
    limit: int(limit),
  }
}

function blkioStats({ io }: CgroupStats): StatsResponse["blkio_stats"] {
  if (!io) return noBlkio
  const entries = (pick: (entry: NonNullable<CgroupStats["io"]>[number]) => bigint): BlkioEntry[] =>
    io.map((entry) => ({ major: entry.major, minor: entry.minor, op: entry.op, value: int(pick(entry)) }))
  return {
    ...noBlkio,
    io_service_bytes_recursive: entries((entry) => entry.bytes),
    io_serviced_recursive: entries((entry) => entry.operations),
  }
}

function networkStats(needs: StatsNeeds, container: Container): Record<string, NetworkStats> | undefined {
  const interfaces = Object.entries(needs.networking.counters(container.id))
  if (interfaces.length === 0) return undefined
  return Object.fromEntries(
    interfaces.map(([name, counters]) => [
      name,
      {
        rx_bytes: int(counters.rxBytes),
        rx_packets: int(counters.rxPackets),
        rx_errors: int(counters.rxErrors),
        rx_dropped: int(counters.rxDropped),
        tx_bytes: int(counters.txBytes),
        tx_packets: int(counters.txPackets),
        tx_errors: int(counters.txErrors),
        tx_dropped: int(counters.txDropped),
      },
    ]),
  )
}

/** Nanoseconds of all CPUs together, from the first line of /proc/stat (in hundredths of a second; proc(5)). */
function systemCpuNanos(): bigint {
  const fields = readFileSync("/proc/stat", "latin1").split("\n", 1)[0]!.trim().split(/\s+/).slice(1, 8)
  return fields.reduce((sum, field) => sum + BigInt(field), 0n) * 10_000_000n
}

const int = (value: bigint): Int64 => (value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value)

async function nextSecond({ turns }: StatsNeeds, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener("abort", done)
      resolve()
    }
    const timer = setTimeout(done, 1000)
    signal?.addEventListener("abort", done)
    if (signal?.aborted) done()
  })
  // Clients ask for many containers at one moment.
  await turns.enter()
}
