import type { Filters } from "../../api/filters.ts"
import type { BuildPruneResponse, DiskUsageResponse, InfoResponse, VersionResponse } from "../../api/system.ts"
import type { Scope } from "../../core/scope.ts"

export type DiskUsageType = "container" | "image" | "volume" | "build-cache"

/** The daemon as a whole. */
export interface System {
  info(scope: Scope): Promise<InfoResponse>
  version(scope: Scope): Promise<VersionResponse>
  /** `types` empty: all. */
  diskUsage(scope: Scope, types: readonly DiskUsageType[]): Promise<DiskUsageResponse>
  pruneBuildCache(
    scope: Scope,
    options: { readonly all: boolean; readonly filters: Filters },
  ): Promise<BuildPruneResponse>
}
