import type { ExposedPort } from "../../api/exposure.ts"
import type { Filters } from "../../api/filters.ts"
import type {
  NetworkConnectRequest,
  NetworkCreateRequest,
  NetworkCreateResponse,
  NetworkDisconnectRequest,
  NetworkInspect,
  NetworksPruneResponse,
} from "../../api/network.ts"
import type { Scope } from "../../core/scope.ts"

/** Docker's networks. `ref`: full ID, name or ID prefix; notFound (`network x not found`), invalidArgument when ambiguous. */
export interface Networks {
  /** Filters: dangling, driver, id, label, name, scope, type. */
  list(scope: Scope, filters: Filters): Promise<readonly NetworkInspect[]>
  inspect(
    scope: Scope,
    ref: string,
    options: { readonly verbose: boolean; readonly scope?: string },
  ): Promise<NetworkInspect>
  create(scope: Scope, request: NetworkCreateRequest): Promise<NetworkCreateResponse>
  remove(scope: Scope, ref: string): Promise<void>
  connect(scope: Scope, ref: string, request: NetworkConnectRequest): Promise<void>
  disconnect(scope: Scope, ref: string, request: NetworkDisconnectRequest): Promise<void>
  /** The ports of this host that lead to containers. */
  exposed(): readonly ExposedPort[]
  /** Filters: label, label!, until. */
  prune(scope: Scope, filters: Filters): Promise<NetworksPruneResponse>
}
