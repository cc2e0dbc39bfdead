import type { Resources as ApiResources, HostConfig } from "../../api/container-config.ts"
import type { Device, DeviceRule, Resources, ThrottleDevice } from "../../oci/runtime-spec.ts"
import { allDeviceRules, defaultDeviceRules } from "../../runtime/defaults.ts"
import { blockDeviceNumbers, hostDevices, mapDevice, parseDeviceRule } from "../../runtime/devices.ts"
import type { Int64 } from "../../std/json.ts"

/** Microseconds; the period that a number of CPUs is measured by. */
const period = 100_000

/** The limits of a container or of an update, device access apart. @throws invalidArgument for a block device that is none */
export function limitsOf(api: ApiResources): Resources {
  const given = (value: Int64 | null | undefined): number | undefined => (value ? exactly(value) : undefined)
  const cpus = given(api.NanoCpus)
  const memory = without({
    limit: given(api.Memory),
    swap: given(api.MemorySwap),
    reservation: given(api.MemoryReservation),
    kernelTCP: given(api.KernelMemoryTCP),
    swappiness:
      api.MemorySwappiness === null || Number(api.MemorySwappiness) < 0 ? undefined : Number(api.MemorySwappiness),
    disableOOMKiller: api.OomKillDisable || undefined,
  })
  const cpu = without({
    shares: given(api.CpuShares),
    quota: cpus === undefined ? given(api.CpuQuota) : Math.floor((cpus * period) / 1e9),
    period: cpus === undefined ? given(api.CpuPeriod) : period,
    realtimeRuntime: given(api.CpuRealtimeRuntime),
    realtimePeriod: given(api.CpuRealtimePeriod),
    cpus: api.CpusetCpus || undefined,
    mems: api.CpusetMems || undefined,
  })
  const blockIO = without({
    weight: api.BlkioWeight || undefined,
    weightDevice: devices(api.BlkioWeightDevice, (one) => ({ ...blockDeviceNumbers(one.Path), weight: one.Weight })),
    throttleReadBpsDevice: devices(api.BlkioDeviceReadBps, throttle),
    throttleWriteBpsDevice: devices(api.BlkioDeviceWriteBps, throttle),
    throttleReadIOPSDevice: devices(api.BlkioDeviceReadIOps, throttle),
    throttleWriteIOPSDevice: devices(api.BlkioDeviceWriteIOps, throttle),
  })
  const pids = api.PidsLimit === null ? undefined : { limit: Number(api.PidsLimit) > 0 ? exactly(api.PidsLimit) : -1 }
  return without({ memory: filled(memory), cpu: filled(cpu), blockIO: filled(blockIO), pids })
}

/**
 * The nodes in a container's /dev beside the usual ones, and what may be opened; requests to drivers apart.
 * @throws invalidArgument
 */
export function devicesOf(host: HostConfig): {
  readonly nodes: readonly Device[]
  readonly rules: readonly DeviceRule[]
} {
  if (host.Privileged) return { nodes: hostDevices(), rules: allDeviceRules }
  const mapped = (host.Devices ?? []).flatMap((one) =>
    mapDevice(one.PathOnHost, one.PathInContainer || one.PathOnHost, one.CgroupPermissions || "rwm"),
  )
  const asked = (host.DeviceCgroupRules ?? []).map(parseDeviceRule)
  return {
    nodes: mapped.map((one) => one.device),
    rules: [...defaultDeviceRules, ...mapped.map((one) => one.rule), ...asked],
  }
}

const throttle = (one: { readonly Path: string; readonly Rate: Int64 }): ThrottleDevice => ({
  ...blockDeviceNumbers(one.Path),
  rate: exactly(one.Rate),
})

/**
 * The value, or beyond ±2^53 the nearest that a `number` holds exactly: rounded, 2^63 - 1 would become 2^63, which runtimes
 * and kernel refuse. No limit of that size differs from another.
 */
const exactly = (value: Int64): number =>
  Math.max(Math.min(Number(value), Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER)

const devices = <T, R>(list: readonly T[] | null, read: (one: T) => R): R[] | undefined =>
  list?.length ? list.map(read) : undefined

/** `value` without the keys that are undefined. */
function without<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}

const filled = <T extends object>(value: T): T | undefined => (Object.keys(value).length > 0 ? value : undefined)
