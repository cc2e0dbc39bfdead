import type { Filters } from "../../api/filters.ts"
import type { Volume, VolumeCreateRequest, VolumesPruneResponse, VolumesResponse } from "../../api/volume.ts"
import type { Scope } from "../../core/scope.ts"

/** Docker's volumes. An unknown name throws notFound (`get x: no such volume`). */
export interface Volumes {
  /** Filters: dangling, driver, label, name. */
  list(scope: Scope, filters: Filters): Promise<VolumesResponse>
  /** The same volume again when it exists. An empty name: an anonymous one. @throws conflict for another driver · invalidArgument */
  create(scope: Scope, request: VolumeCreateRequest): Promise<Volume>
  inspect(scope: Scope, name: string): Promise<Volume>
  /** @throws conflict when in use */
  remove(scope: Scope, name: string, options: { readonly force: boolean }): Promise<void>
  /** Filters: label, label!, all (`true`: named ones too). */
  prune(scope: Scope, filters: Filters): Promise<VolumesPruneResponse>
}
