import type { Int64 } from "../std/json.ts"

export interface Volume {
  readonly CreatedAt?: string
  readonly Driver: string
  readonly Labels: Readonly<Record<string, string>> | null
  readonly Mountpoint: string
  readonly Name: string
  readonly Options: Readonly<Record<string, string>> | null
  readonly Scope: "local" | "global"
  readonly Status?: Readonly<Record<string, unknown>>
  /** Only in `/system/df`; -1 unknown. */
  readonly UsageData?: { readonly RefCount: number; readonly Size: Int64 }
}

/** `POST /volumes/create`, decoded. */
export interface VolumeCreateRequest {
  readonly Name: string
  readonly Driver: string
  readonly DriverOpts: Readonly<Record<string, string>> | null
  readonly Labels: Readonly<Record<string, string>> | null
}

export interface VolumesResponse {
  readonly Volumes: readonly Volume[]
  readonly Warnings: readonly string[] | null
}

export interface VolumesPruneResponse {
  readonly VolumesDeleted: readonly string[] | null
  readonly SpaceReclaimed: Int64
}
