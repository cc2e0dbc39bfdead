import type { Descriptor } from "../oci/descriptor.ts"
import type { Int64 } from "../std/json.ts"
import type { ContainerConfig, HostConfig, PortMap } from "./container-config.ts"
import type { EndpointSettings } from "./network.ts"

export interface CreateResponse {
  readonly Id: string
  readonly Warnings: readonly string[]
}

export interface CheckpointRequest {
  readonly CheckpointID: string
  /** On the daemon's host; the container's own directory when empty. */
  readonly CheckpointDir: string
  /** The processes are killed when they are written. */
  readonly Exit: boolean
}

export interface CheckpointSummary {
  readonly Name: string
}

export type ContainerStatus = "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead"

export interface HealthResult {
  readonly Start: string
  readonly End: string
  readonly ExitCode: number
  /** At most 4096 bytes. */
  readonly Output: string
}

export interface Health {
  readonly Status: "none" | "starting" | "healthy" | "unhealthy"
  readonly FailingStreak: number
  /** The last five. */
  readonly Log: readonly HealthResult[] | null
}

export interface ContainerState {
  readonly Status: ContainerStatus
  readonly Running: boolean
  readonly Paused: boolean
  readonly Restarting: boolean
  readonly OOMKilled: boolean
  readonly Dead: boolean
  readonly Pid: number
  readonly ExitCode: number
  readonly Error: string
  /** RFC 3339, `zeroTime` when never. */
  readonly StartedAt: string
  readonly FinishedAt: string
  readonly Health?: Health
}

/** A mount as inspect and list show it. */
export interface MountPoint {
  readonly Type?: "bind" | "volume" | "tmpfs" | "image"
  /** The volume's name. */
  readonly Name?: string
  readonly Source: string
  readonly Destination: string
  readonly Driver?: string
  readonly Mode: string
  readonly RW: boolean
  readonly Propagation: string
}

export interface GraphDriver {
  readonly Name: string
  readonly Data: Readonly<Record<string, string>> | null
}

export interface NetworkSettings {
  readonly SandboxID: string
  readonly SandboxKey: string
  readonly Ports: PortMap
  readonly Networks: Readonly<Record<string, EndpointSettings>>
}

/** `GET /containers/{id}/json` */
export interface ContainerInspect {
  readonly Id: string
  readonly Created: string
  readonly Path: string
  readonly Args: readonly string[]
  readonly State: ContainerState
  readonly Image: string
  readonly ResolvConfPath: string
  readonly HostnamePath: string
  readonly HostsPath: string
  readonly LogPath: string
  /** With a leading slash. */
  readonly Name: string
  readonly RestartCount: number
  readonly Driver: string
  readonly Platform: string
  readonly MountLabel: string
  readonly ProcessLabel: string
  readonly AppArmorProfile: string
  readonly ExecIDs: readonly string[] | null
  readonly HostConfig: HostConfig
  readonly GraphDriver: GraphDriver
  readonly SizeRw?: Int64
  readonly SizeRootFs?: Int64
  readonly ImageManifestDescriptor?: Descriptor
  readonly Mounts: readonly MountPoint[]
  readonly Config: ContainerConfig
  readonly NetworkSettings: NetworkSettings
}

export interface Port {
  readonly IP?: string
  readonly PrivatePort: number
  readonly PublicPort?: number
  readonly Type: string
}

/** One entry of `GET /containers/json` */
export interface ContainerSummary {
  readonly Id: string
  /** With a leading slash. */
  readonly Names: readonly string[]
  readonly Image: string
  readonly ImageID: string
  readonly ImageManifestDescriptor?: Descriptor
  readonly Command: string
  /** Seconds since the epoch. */
  readonly Created: number
  readonly Ports: readonly Port[]
  readonly SizeRw?: Int64
  readonly SizeRootFs?: Int64
  readonly Labels: Readonly<Record<string, string>>
  readonly State: ContainerStatus
  /** For people: "Up 3 seconds (healthy)". */
  readonly Status: string
  readonly HostConfig: { readonly NetworkMode: string; readonly Annotations?: Readonly<Record<string, string>> }
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, EndpointSettings>> }
  readonly Mounts: readonly MountPoint[]
  /** Since 1.52; `none` without a health check. */
  readonly Health?: Pick<Health, "Status" | "FailingStreak">
}

export interface WaitResponse {
  readonly StatusCode: number
  readonly Error?: { readonly Message: string }
}

export interface TopResponse {
  readonly Titles: readonly string[]
  readonly Processes: readonly (readonly string[])[]
}

export interface UpdateResponse {
  readonly Warnings: readonly string[] | null
}

/** 0 modified, 1 added, 2 deleted. */
export interface FilesystemChange {
  readonly Path: string
  readonly Kind: 0 | 1 | 2
}

export interface ContainersPruneResponse {
  readonly ContainersDeleted: readonly string[] | null
  readonly SpaceReclaimed: Int64
}

export interface CommitResponse {
  readonly Id: string
}
