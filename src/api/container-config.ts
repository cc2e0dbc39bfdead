import type { Int64 } from "../std/json.ts"
import type { EndpointSettings } from "./network.ts"

/** What runs in a container. Complete, as inspect shows it: absent lists are `null`, as Docker's clients expect. */
export interface ContainerConfig {
  readonly Hostname: string
  readonly Domainname: string
  readonly User: string
  readonly AttachStdin: boolean
  readonly AttachStdout: boolean
  readonly AttachStderr: boolean
  /** `80/tcp` → {} */
  readonly ExposedPorts?: Readonly<Record<string, object>>
  readonly Tty: boolean
  readonly OpenStdin: boolean
  readonly StdinOnce: boolean
  readonly Env: readonly string[] | null
  readonly Cmd: readonly string[] | null
  readonly Healthcheck?: HealthConfig
  readonly ArgsEscaped?: boolean
  readonly Image: string
  readonly Volumes: Readonly<Record<string, object>> | null
  readonly WorkingDir: string
  readonly Entrypoint: readonly string[] | null
  readonly NetworkDisabled?: boolean
  /** Before 1.52; since 1.44 it belongs to the endpoint. */
  readonly MacAddress?: string
  readonly OnBuild: readonly string[] | null
  readonly Labels: Readonly<Record<string, string>> | null
  readonly StopSignal?: string
  /** Seconds; -1 waits for ever. */
  readonly StopTimeout?: number
  readonly Shell?: readonly string[]
}

/** Durations in nanoseconds; 0 inherits. */
export interface HealthConfig {
  /** `[]` inherits, `["NONE"]`, `["CMD", …]`, `["CMD-SHELL", line]` */
  readonly Test?: readonly string[]
  readonly Interval?: Int64
  readonly Timeout?: Int64
  readonly StartPeriod?: Int64
  readonly StartInterval?: Int64
  readonly Retries?: number
}

export interface WeightDevice {
  readonly Path: string
  readonly Weight: number
}

export interface ThrottleDevice {
  readonly Path: string
  readonly Rate: Int64
}

export interface DeviceMapping {
  readonly PathOnHost: string
  readonly PathInContainer: string
  readonly CgroupPermissions: string
}

export interface DeviceRequest {
  readonly Driver: string
  readonly Count: number
  readonly DeviceIDs: readonly string[] | null
  readonly Capabilities: readonly (readonly string[])[] | null
  readonly Options: Readonly<Record<string, string>> | null
}

export interface Ulimit {
  readonly Name: string
  readonly Hard: Int64
  readonly Soft: Int64
}

/** Limits. Bytes where a size is meant; 0 is unlimited, `null` not given. */
export interface Resources {
  readonly CpuShares: Int64
  readonly Memory: Int64
  /** Billionths of a CPU. */
  readonly NanoCpus: Int64
  readonly CgroupParent: string
  readonly BlkioWeight: number
  readonly BlkioWeightDevice: readonly WeightDevice[] | null
  readonly BlkioDeviceReadBps: readonly ThrottleDevice[] | null
  readonly BlkioDeviceWriteBps: readonly ThrottleDevice[] | null
  readonly BlkioDeviceReadIOps: readonly ThrottleDevice[] | null
  readonly BlkioDeviceWriteIOps: readonly ThrottleDevice[] | null
  /** Microseconds. */
  readonly CpuPeriod: Int64
  /** Microseconds. */
  readonly CpuQuota: Int64
  readonly CpuRealtimePeriod: Int64
  readonly CpuRealtimeRuntime: Int64
  readonly CpusetCpus: string
  readonly CpusetMems: string
  readonly Devices: readonly DeviceMapping[] | null
  readonly DeviceCgroupRules: readonly string[] | null
  readonly DeviceRequests: readonly DeviceRequest[] | null
  readonly KernelMemory?: Int64
  /** Before 1.52. */
  readonly KernelMemoryTCP?: Int64
  readonly MemoryReservation: Int64
  /** Memory and swap together; -1 unlimited swap. */
  readonly MemorySwap: Int64
  readonly MemorySwappiness: Int64 | null
  readonly OomKillDisable: boolean | null
  readonly PidsLimit: Int64 | null
  readonly Ulimits: readonly Ulimit[] | null
  readonly CpuCount: Int64
  readonly CpuPercent: Int64
  readonly IOMaximumIOps: Int64
  readonly IOMaximumBandwidth: Int64
}

export interface PortBinding {
  readonly HostIp: string
  readonly HostPort: string
}

/** `80/tcp` → where it is published; `null` when only exposed. */
export type PortMap = Readonly<Record<string, readonly PortBinding[] | null>>

export interface LogConfiguration {
  readonly Type: string
  readonly Config: Readonly<Record<string, string>> | null
}

export interface RestartPolicy {
  readonly Name: "" | "no" | "always" | "unless-stopped" | "on-failure"
  readonly MaximumRetryCount: number
}

export interface MountRequest {
  readonly Type?: "bind" | "volume" | "tmpfs" | "npipe" | "cluster" | "image"
  readonly Source?: string
  readonly Target?: string
  readonly ReadOnly?: boolean
  readonly Consistency?: string
  readonly BindOptions?: {
    readonly Propagation?: string
    readonly NonRecursive?: boolean
    readonly CreateMountpoint?: boolean
    readonly ReadOnlyNonRecursive?: boolean
    readonly ReadOnlyForceRecursive?: boolean
  }
  readonly VolumeOptions?: {
    readonly NoCopy?: boolean
    readonly Labels?: Readonly<Record<string, string>>
    readonly Subpath?: string
    readonly DriverConfig?: { readonly Name?: string; readonly Options?: Readonly<Record<string, string>> }
  }
  readonly ImageOptions?: { readonly Subpath?: string }
  readonly TmpfsOptions?: {
    readonly SizeBytes?: Int64
    readonly Mode?: number
    readonly Options?: readonly (readonly string[])[]
  }
  readonly ClusterOptions?: object
}

/** How a container sits on its host. Complete, as inspect shows it. */
export interface HostConfig extends Resources {
  readonly Binds: readonly string[] | null
  readonly ContainerIDFile: string
  readonly LogConfig: LogConfiguration
  readonly NetworkMode: string
  readonly PortBindings: PortMap | null
  readonly RestartPolicy: RestartPolicy
  readonly AutoRemove: boolean
  readonly VolumeDriver: string
  readonly VolumesFrom: readonly string[] | null
  /** Height, width. */
  readonly ConsoleSize: readonly [number, number]
  readonly Annotations?: Readonly<Record<string, string>>
  readonly CapAdd: readonly string[] | null
  readonly CapDrop: readonly string[] | null
  readonly CgroupnsMode: string
  readonly Dns: readonly string[] | null
  readonly DnsOptions: readonly string[] | null
  readonly DnsSearch: readonly string[] | null
  readonly ExtraHosts: readonly string[] | null
  readonly GroupAdd: readonly string[] | null
  readonly IpcMode: string
  readonly Cgroup: string
  readonly Links: readonly string[] | null
  readonly OomScoreAdj: number
  readonly PidMode: string
  readonly Privileged: boolean
  readonly PublishAllPorts: boolean
  readonly ReadonlyRootfs: boolean
  readonly SecurityOpt: readonly string[] | null
  readonly StorageOpt?: Readonly<Record<string, string>>
  readonly Tmpfs?: Readonly<Record<string, string>>
  readonly UTSMode: string
  readonly UsernsMode: string
  readonly ShmSize: Int64
  readonly Sysctls?: Readonly<Record<string, string>>
  readonly Runtime?: string
  readonly Isolation: string
  readonly Mounts?: readonly MountRequest[]
  /** `null`: the default list; `[]`: none. */
  readonly MaskedPaths: readonly string[] | null
  /** `null`: the default list; `[]`: none. */
  readonly ReadonlyPaths: readonly string[] | null
  readonly Init?: boolean
  /** Of every process in the container, since 1.56; the runtime's when absent. */
  readonly Umask?: number
}

export interface NetworkingConfig {
  readonly EndpointsConfig: Readonly<Record<string, EndpointSettings | null>> | null
}

/** `POST /containers/create` after decoding: every absent field has its zero value. */
export interface CreateRequest extends ContainerConfig {
  readonly HostConfig: HostConfig
  readonly NetworkingConfig: NetworkingConfig
}

/** `POST /containers/create` as a client writes it. */
export interface CreateBody extends Partial<ContainerConfig> {
  readonly HostConfig?: Partial<HostConfig>
  readonly NetworkingConfig?: { readonly EndpointsConfig?: Readonly<Record<string, Partial<EndpointSettings>>> }
}

/** `POST /containers/{id}/update`, decoded. */
export interface UpdateRequest extends Resources {
  readonly RestartPolicy: RestartPolicy
}
