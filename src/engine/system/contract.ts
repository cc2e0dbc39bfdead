import type { Filters } from "../../api/filters.ts"
import type { BuildPruneResponse, DiskUsageResponse, InfoResponse, VersionResponse } from "../../api/system.ts"
import type { Scope } from "../../core/scope.ts"

export type DiskUsageType = "container" | "image" | "volume" | "build-cache"

export interface DiskUsageOptions {
  /** Empty: all. */
  readonly types: readonly DiskUsageType[]
  /** Each usage has its items, and nothing stands beside the usages. */
  readonly verbose: boolean
}

/** The daemon as a whole. */
export interface System {
  info(scope: Scope): Promise<InfoResponse>
  version(scope: Scope): Promise<VersionResponse>
  diskUsage(scope: Scope, options: DiskUsageOptions): Promise<DiskUsageResponse>
  pruneBuildCache(
    scope: Scope,
    options: { readonly all: boolean; readonly filters: Filters },
  ): Promise<BuildPruneResponse>
}
