import type { Filters } from "../../api/filters.ts"
import type { AuthConfig, AuthResponse, DistributionInspect } from "../../api/image.ts"
import type { BuildPruneResponse, DiskUsageResponse, InfoResponse, VersionResponse } from "../../api/system.ts"
import type { Scope } from "../../core/scope.ts"

export type DiskUsageType = "container" | "image" | "volume" | "build-cache"

/** The daemon as a whole. */
export interface System {
  info(scope: Scope): Promise<InfoResponse>
  version(scope: Scope): Promise<VersionResponse>
  /** `types` empty: all. */
  diskUsage(scope: Scope, types: readonly DiskUsageType[]): Promise<DiskUsageResponse>
  /** Logs in to a registry. @throws unauthenticated */
  authenticate(scope: Scope, auth: AuthConfig): Promise<AuthResponse>
  /** What a registry holds under `ref`, without pulling it. */
  distribution(scope: Scope, ref: string, auth?: AuthConfig): Promise<DistributionInspect>
  pruneBuildCache(
    scope: Scope,
    options: { readonly all: boolean; readonly filters: Filters },
  ): Promise<BuildPruneResponse>
}
