import type { Resources, ThrottleDevice } from "../../oci/runtime-spec.ts"
import type { Int64 } from "../../std/json.ts"
import { blockDeviceNumbers } from "../devices.ts"

/** A number that may be missing; zero and null count as missing where nothing else is said. */
type Given = Int64 | null | undefined

/** Limits as clients give them. Units as in the specification, "Control groups". */
export interface Limits {
  readonly memory: {
    readonly limit?: Given
    /** Memory and swap together; -1 is no limit. */
    readonly swap?: Given
    readonly reservation?: Given
    readonly kernelTCP?: Given
    /** 0 is a value; below 0 is missing. */
    readonly swappiness?: Given
    readonly disableOOMKiller?: boolean | null
  }
  readonly cpu: {
    readonly shares?: Given
    readonly quota?: Given
    readonly period?: Given
    readonly realtimeRuntime?: Given
    readonly realtimePeriod?: Given
    readonly cpus?: string
    readonly mems?: string
  }
  readonly blockIO: {
    readonly weight?: Given
    readonly weightDevice?: readonly { readonly path: string; readonly weight: number }[]
    readonly throttleReadBpsDevice?: readonly Throttle[]
    readonly throttleWriteBpsDevice?: readonly Throttle[]
    readonly throttleReadIOPSDevice?: readonly Throttle[]
    readonly throttleWriteIOPSDevice?: readonly Throttle[]
  }
  /** Null is missing; 0 and below are no limit. */
  readonly pids?: Int64 | null
}

/** The most that is read or written each second, in bytes or operations. `path`: the block device's node on the host. */
export interface Throttle {
  readonly path: string
  readonly rate: Int64
}

/** Microseconds; the period that a number of CPUs is measured by. */
const period = 100_000

/** The limit of CPU time that a number of CPUs is, in billionths of one. */
export const cpuQuota = (nanoCpus: number): { readonly quota: number; readonly period: number } => ({
  quota: Math.floor((nanoCpus * period) / 1e9),
  period,
})

/** The limits of a container or of an update, device access apart. @throws invalidArgument for a block device that is none */
export function resourcesOf({ memory, cpu, blockIO, pids }: Limits): Resources {
  const swappiness = memory.swappiness
  return without({
    memory: filled({
      limit: given(memory.limit),
      swap: given(memory.swap),
      reservation: given(memory.reservation),
      kernelTCP: given(memory.kernelTCP),
      swappiness: swappiness === undefined || swappiness === null || swappiness < 0 ? undefined : Number(swappiness),
      disableOOMKiller: memory.disableOOMKiller || undefined,
    }),
    cpu: filled({
      shares: given(cpu.shares),
      quota: given(cpu.quota),
      period: given(cpu.period),
      realtimeRuntime: given(cpu.realtimeRuntime),
      realtimePeriod: given(cpu.realtimePeriod),
      cpus: cpu.cpus || undefined,
      mems: cpu.mems || undefined,
    }),
    blockIO: filled({
      weight: given(blockIO.weight),
      weightDevice: devices(blockIO.weightDevice, ({ path, weight }) => ({ ...blockDeviceNumbers(path), weight })),
      throttleReadBpsDevice: devices(blockIO.throttleReadBpsDevice, throttle),
      throttleWriteBpsDevice: devices(blockIO.throttleWriteBpsDevice, throttle),
      throttleReadIOPSDevice: devices(blockIO.throttleReadIOPSDevice, throttle),
      throttleWriteIOPSDevice: devices(blockIO.throttleWriteIOPSDevice, throttle),
    }),
    pids: pids === undefined || pids === null ? undefined : { limit: Number(pids) > 0 ? exactly(pids) : -1 },
  })
}

const throttle = ({ path, rate }: Throttle): ThrottleDevice => ({ ...blockDeviceNumbers(path), rate: exactly(rate) })

const given = (value: Given): number | undefined => (value ? exactly(value) : undefined)

/**
 * The value, or beyond ±2^53 the nearest that a `number` holds exactly: rounded, 2^63 - 1 would become 2^63, which runtimes
 * and kernel refuse. No limit of that size differs from another.
 */
const exactly = (value: Int64): number =>
  Math.max(Math.min(Number(value), Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER)

const devices = <T, R>(list: readonly T[] | undefined, read: (one: T) => R): R[] | undefined =>
  list?.length ? list.map(read) : undefined

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** `value` without the keys that are undefined. */
const without = <T extends object>(value: T): Present<T> =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as Present<T>

/** As {@link without}; undefined when nothing is left. */
function filled<T extends object>(value: T): Present<T> | undefined {
  const present = without(value)
  return Object.keys(present).length > 0 ? present : undefined
}
