import type { CpuStats, StatsResponse } from "../../api/stats.ts"
import { bytesSize, humanSize } from "../../std/byte-size.ts"
import { shortId } from "../../std/id.ts"
import type { Int64 } from "../../std/json.ts"
import { Subject } from "../../std/template/value.ts"
import { formatList, type Headings } from "./list.ts"

/** What `docker stats` shows of one container. */
export interface StatsEntry {
  /** As the user named it. */
  readonly container: string
  readonly id: string
  /** Without a leading slash; "" not known yet. */
  readonly name: string
  /** Absent while no sample has come, and after an error. */
  readonly sample?: StatsSample
}

export interface StatsSample {
  readonly cpuPercent: number
  /** Bytes, without the page cache that can be given back at once. */
  readonly memory: number
  readonly memoryLimit: number
  readonly memoryPercent: number
  readonly received: number
  readonly sent: number
  readonly read: number
  readonly written: number
  readonly processes: number
}

const number = (value: Int64 | undefined) => Number(value ?? 0)

/** Reads one sample of `GET /containers/{id}/stats`; the CPU share is since the sample before it. */
export function statsSample(stats: StatsResponse): StatsSample {
  const memory = memoryUsed(stats)
  const memoryLimit = number(stats.memory_stats.limit)
  const networks = Object.values(stats.networks ?? {})
  const blocks = stats.blkio_stats?.io_service_bytes_recursive ?? []
  const sum = (values: readonly Int64[]) => values.reduce<number>((total, value) => total + Number(value), 0)
  const moved = (letter: string) =>
    sum(blocks.filter((entry) => entry.op.toLowerCase().startsWith(letter)).map((entry) => entry.value))
  return {
    cpuPercent: cpuPercent(stats.precpu_stats, stats.cpu_stats),
    memory,
    memoryLimit,
    memoryPercent: memoryLimit === 0 ? 0 : (memory / memoryLimit) * 100,
    received: sum(networks.map((network) => network.rx_bytes)),
    sent: sum(networks.map((network) => network.tx_bytes)),
    read: moved("r"),
    written: moved("w"),
    processes: number(stats.pids_stats?.current),
  }
}

function cpuPercent(before: CpuStats, after: CpuStats): number {
  const used = number(after.cpu_usage.total_usage) - number(before?.cpu_usage?.total_usage)
  const passed = number(after.system_cpu_usage) - number(before?.system_cpu_usage)
  const processors = after.online_cpus || (after.cpu_usage.percpu_usage?.length ?? 0)
  return used > 0 && passed > 0 ? (used / passed) * processors * 100 : 0
}

function memoryUsed({ memory_stats: { usage, stats } }: StatsResponse): number {
  const total = number(usage)
  for (const key of ["total_inactive_file", "inactive_file"]) {
    const inactive = stats?.[key]
    if (inactive !== undefined && Number(inactive) < total) return total - Number(inactive)
  }
  return total
}

export interface StatsListOptions {
  /** `table`, `table TEMPLATE`, `json` or a template; the default is `table`. */
  readonly format?: string
  readonly noTrunc?: boolean
}

const headings: Headings = {
  Container: "CONTAINER",
  Name: "NAME",
  ID: "CONTAINER ID",
  CPUPerc: "CPU %",
  MemUsage: "MEM USAGE / LIMIT",
  MemPerc: "MEM %",
  NetIO: "NET I/O",
  BlockIO: "BLOCK I/O",
  PIDs: "PIDS",
}

const table = "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}"

/** The lines of `docker stats`. @throws Failure invalidArgument when the template cannot be parsed or executed */
export function formatStats(list: readonly StatsEntry[], { format = "table", noTrunc }: StatsListOptions = {}): string {
  const template = format === "" || format === "table" ? table : format
  return formatList(
    template,
    headings,
    list.map((entry) => statsRow(entry, !noTrunc)),
  )
}

function statsRow({ container, id, name, sample }: StatsEntry, truncates: boolean): Subject {
  const shown = (text: (sample: StatsSample) => string, unknown = "--") => (sample ? text(sample) : unknown)
  const percent = (value: number) => `${value.toFixed(2)}%`
  const pair = (one: number, other: number) => `${humanSize(one, 3)} / ${humanSize(other, 3)}`
  return new Subject("*container.statsContext", {
    Container: () => container,
    Name: () => name || "--",
    ID: () => (truncates ? shortId(id) : id),
    CPUPerc: () => shown(({ cpuPercent }) => percent(cpuPercent)),
    MemUsage: () => shown(({ memory, memoryLimit }) => `${bytesSize(memory)} / ${bytesSize(memoryLimit)}`, "-- / --"),
    MemPerc: () => shown(({ memoryPercent }) => percent(memoryPercent)),
    NetIO: () => shown(({ received, sent }) => pair(received, sent)),
    BlockIO: () => shown(({ read, written }) => pair(read, written)),
    PIDs: () => shown(({ processes }) => String(processes)),
  })
}
