import type { Filters } from "../../api/filters.ts"
import type { Volume, VolumeCreateRequest, VolumesPruneResponse, VolumesResponse } from "../../api/volume.ts"
import type { Scope } from "../../core/scope.ts"

/** A volume in use: its file system stays mounted until it is disposed. */
export interface VolumeHold extends AsyncDisposable {
  readonly path: string
  readonly driver: string
}

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
  /** Mounts what the volume names, unless somebody uses it already. @throws internal in Docker's words when that fails */
  acquire(scope: Scope, name: string): Promise<VolumeHold>
  /** Unmounts volumes that nobody holds: what a crash left. */
  unmountUnused(): Promise<void>
}
