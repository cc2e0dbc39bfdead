import type { Int64 } from "../std/json.ts"

export interface BlkioEntry {
  readonly major: Int64
  readonly minor: Int64
  readonly op: string
  readonly value: Int64
}

export interface BlkioStats {
  readonly io_service_bytes_recursive: readonly BlkioEntry[] | null
  readonly io_serviced_recursive: readonly BlkioEntry[] | null
  readonly io_queue_recursive: readonly BlkioEntry[] | null
  readonly io_service_time_recursive: readonly BlkioEntry[] | null
  readonly io_wait_time_recursive: readonly BlkioEntry[] | null
  readonly io_merged_recursive: readonly BlkioEntry[] | null
  readonly io_time_recursive: readonly BlkioEntry[] | null
  readonly sectors_recursive: readonly BlkioEntry[] | null
}

/** Times in nanoseconds. */
export interface CpuStats {
  readonly cpu_usage: {
    readonly total_usage: Int64
    /** cgroup v1 only. */
    readonly percpu_usage?: readonly Int64[]
    readonly usage_in_kernelmode: Int64
    readonly usage_in_usermode: Int64
  }
  readonly system_cpu_usage?: Int64
  readonly online_cpus?: number
  readonly throttling_data: {
    readonly periods: Int64
    readonly throttled_periods: Int64
    readonly throttled_time: Int64
  }
}

/** Bytes. `{}` for a container that does not run. */
export interface MemoryStats {
  readonly usage?: Int64
  /** cgroup v1 only. */
  readonly max_usage?: Int64
  /** The kernel's memory.stat. */
  readonly stats?: Readonly<Record<string, Int64>>
  readonly failcnt?: Int64
  readonly limit?: Int64
}

export interface NetworkStats {
  readonly rx_bytes: Int64
  readonly rx_packets: Int64
  readonly rx_errors: Int64
  readonly rx_dropped: Int64
  readonly tx_bytes: Int64
  readonly tx_packets: Int64
  readonly tx_errors: Int64
  readonly tx_dropped: Int64
}

/** One sample of `GET /containers/{id}/stats` */
export interface StatsResponse {
  readonly name: string
  readonly id: string
  /** Since 1.52. */
  readonly os_type?: "linux"
  readonly read: string
  readonly preread: string
  readonly pids_stats: { readonly current?: Int64; readonly limit?: Int64 }
  readonly blkio_stats: BlkioStats
  readonly num_procs: number
  readonly storage_stats: object
  readonly cpu_stats: CpuStats
  readonly precpu_stats: CpuStats
  readonly memory_stats: MemoryStats
  /** Absent without a network of its own. */
  readonly networks?: Readonly<Record<string, NetworkStats>>
}
