import type { Resources as ApiResources, ThrottleDevice } from "../../../api/container-config.ts"
import type { Resources } from "../../../oci/runtime-spec.ts"
import { cpuQuota, resourcesOf, type Throttle } from "../../../runtime/spec/resources.ts"

/** The limits of a container or of an update, device access apart. @throws invalidArgument for a block device that is none */
export const limitsOf = (api: ApiResources): Resources =>
  resourcesOf({
    memory: {
      limit: api.Memory,
      swap: api.MemorySwap,
      reservation: api.MemoryReservation,
      kernelTCP: api.KernelMemoryTCP,
      swappiness: api.MemorySwappiness,
      disableOOMKiller: api.OomKillDisable,
    },
    cpu: {
      shares: api.CpuShares,
      ...(api.NanoCpus ? cpuQuota(Number(api.NanoCpus)) : { quota: api.CpuQuota, period: api.CpuPeriod }),
      realtimeRuntime: api.CpuRealtimeRuntime,
      realtimePeriod: api.CpuRealtimePeriod,
      cpus: api.CpusetCpus,
      mems: api.CpusetMems,
    },
    blockIO: {
      weight: api.BlkioWeight,
      weightDevice: (api.BlkioWeightDevice ?? []).map(({ Path, Weight }) => ({ path: Path, weight: Weight })),
      throttleReadBpsDevice: throttles(api.BlkioDeviceReadBps),
      throttleWriteBpsDevice: throttles(api.BlkioDeviceWriteBps),
      throttleReadIOPSDevice: throttles(api.BlkioDeviceReadIOps),
      throttleWriteIOPSDevice: throttles(api.BlkioDeviceWriteIOps),
    },
    pids: api.PidsLimit,
  })

const throttles = (list: readonly ThrottleDevice[] | null): Throttle[] =>
  (list ?? []).map(({ Path, Rate }) => ({ path: Path, rate: Rate }))
