import type { Int64 } from "../std/json.ts"
import type { ContainerSummary } from "./container.ts"
import type { ImageSummary } from "./image.ts"
import type { Volume } from "./volume.ts"

/** A program that a server is made of. */
export interface Component {
  readonly Name: string
  readonly Version: string
  readonly Details?: Readonly<Record<string, string>>
}

/** `GET /version`; daemons before API 1.35 have neither `Platform` nor `Components`. */
export interface VersionResponse {
  readonly Platform?: { readonly Name: string }
  readonly Components?: readonly Component[]
  readonly Version: string
  readonly ApiVersion: string
  readonly MinAPIVersion: string
  readonly GitCommit: string
  readonly GoVersion: string
  readonly Os: string
  /** Go's name: `amd64`, `arm64`. */
  readonly Arch: string
  readonly KernelVersion: string
  readonly Experimental?: boolean
  readonly BuildTime: string
}

export interface IndexInfo {
  readonly Name: string
  readonly Mirrors: readonly string[]
  readonly Secure: boolean
  readonly Official: boolean
}

/** `GET /info` */
export interface InfoResponse {
  readonly ID: string
  readonly Containers: number
  readonly ContainersRunning: number
  readonly ContainersPaused: number
  readonly ContainersStopped: number
  readonly Images: number
  readonly Driver: string
  readonly DriverStatus: readonly (readonly [string, string])[]
  readonly SystemStatus?: readonly (readonly [string, string])[]
  readonly Plugins: {
    readonly Volume: readonly string[]
    readonly Network: readonly string[]
    readonly Authorization: readonly string[] | null
    readonly Log: readonly string[]
  }
  readonly MemoryLimit: boolean
  readonly SwapLimit: boolean
  readonly KernelMemoryTCP?: boolean
  readonly CpuCfsPeriod: boolean
  readonly CpuCfsQuota: boolean
  readonly CPUShares: boolean
  readonly CPUSet: boolean
  readonly PidsLimit: boolean
  readonly OomKillDisable: boolean
  readonly IPv4Forwarding: boolean
  readonly Debug: boolean
  readonly NFd: number
  readonly NGoroutines: number
  readonly SystemTime: string
  readonly LoggingDriver: string
  readonly CgroupDriver: "cgroupfs" | "systemd" | "none"
  readonly CgroupVersion: "1" | "2"
  readonly NEventsListener: number
  readonly KernelVersion: string
  readonly OperatingSystem: string
  readonly OSVersion: string
  readonly OSType: "linux"
  /** The kernel's name: `x86_64`, `aarch64`. */
  readonly Architecture: string
  readonly IndexServerAddress: string
  readonly RegistryConfig: {
    readonly InsecureRegistryCIDRs: readonly string[]
    readonly IndexConfigs: Readonly<Record<string, IndexInfo>>
    readonly Mirrors: readonly string[] | null
  }
  readonly NCPU: number
  /** Bytes. */
  readonly MemTotal: Int64
  readonly GenericResources: null
  readonly DockerRootDir: string
  readonly HttpProxy: string
  readonly HttpsProxy: string
  readonly NoProxy: string
  readonly Name: string
  readonly Labels: readonly string[]
  readonly ExperimentalBuild: boolean
  readonly ServerVersion: string
  readonly Runtimes: Readonly<
    Record<string, { readonly path?: string; readonly runtimeArgs?: readonly string[]; readonly status?: object }>
  >
  readonly DefaultRuntime: string
  readonly Swarm: {
    readonly NodeID: string
    readonly NodeAddr: string
    readonly LocalNodeState: "inactive"
    readonly ControlAvailable: boolean
    readonly Error: string
    readonly RemoteManagers: null
  }
  readonly LiveRestoreEnabled: boolean
  readonly Isolation: string
  readonly InitBinary: string
  readonly ContainerdCommit: { readonly ID: string }
  readonly RuncCommit: { readonly ID: string }
  readonly InitCommit: { readonly ID: string }
  readonly SecurityOptions: readonly string[]
  readonly ProductLicense?: string
  readonly DefaultAddressPools?: readonly { readonly Base: string; readonly Size: number }[]
  readonly FirewallBackend?: { readonly Driver: string; readonly Info?: readonly (readonly [string, string])[] }
  readonly CDISpecDirs: readonly string[]
  readonly DiscoveredDevices?: readonly { readonly Source: string; readonly ID: string }[]
  readonly Containerd?: {
    readonly Address: string
    readonly Namespaces: { readonly Containers: string; readonly Plugins: string }
  }
  readonly Warnings: readonly string[] | null
}

export interface BuildCacheRecord {
  readonly ID: string
  readonly Parents?: readonly string[]
  readonly Type: string
  readonly Description: string
  readonly InUse: boolean
  readonly Shared: boolean
  readonly Size: Int64
  readonly CreatedAt: string
  readonly LastUsedAt: string | null
  readonly UsageCount: number
}

/** What things of one type take. */
export interface TypeUsage<T> {
  readonly ActiveCount: number
  readonly TotalCount: number
  /** Bytes that a removal of what is not active would free. */
  readonly Reclaimable: Int64
  /** Bytes. */
  readonly TotalSize: Int64
  /** With `verbose`. */
  readonly Items?: readonly T[]
}

/**
 * `GET /system/df`. What was not asked for is absent. Since 1.52 there are the usages; before 1.53 the lists were the answer, and are still given
 * to clients that do not ask for `verbose`.
 */
export interface DiskUsageResponse {
  readonly ImageUsage?: TypeUsage<ImageSummary>
  readonly ContainerUsage?: TypeUsage<ContainerSummary>
  readonly VolumeUsage?: TypeUsage<Volume>
  readonly BuildCacheUsage?: TypeUsage<BuildCacheRecord>
  /** Bytes of all layers, each once. */
  readonly LayersSize?: Int64
  readonly Images?: readonly ImageSummary[] | null
  readonly Containers?: readonly ContainerSummary[] | null
  readonly Volumes?: readonly Volume[] | null
  readonly BuildCache?: readonly BuildCacheRecord[] | null
}

export interface BuildPruneResponse {
  readonly CachesDeleted: readonly string[] | null
  readonly SpaceReclaimed: Int64
}
