import type { Filters } from "../../api/filters.ts"
import type {
  AuthConfig,
  AuthResponse,
  DistributionInspect,
  IndexPushRequest,
  ReferrerSummary,
  RemoteManifestResponse,
  SearchResult,
} from "../../api/image.ts"
import type { Scope } from "../../core/scope.ts"

export interface SearchOptions {
  readonly term: string
  /** 1 to 100; absent or 0: 25. */
  readonly limit?: number
  /** is-automated, is-official, stars */
  readonly filters: Filters
  readonly auth?: AuthConfig
}

/** What is asked of registries without moving images. */
export interface RegistryQueries {
  /** Logs in to a registry. @throws unauthenticated */
  authenticate(scope: Scope, auth: AuthConfig): Promise<AuthResponse>
  /** What a registry holds under `ref`, without pulling it. */
  distribution(scope: Scope, ref: string, auth?: AuthConfig): Promise<DistributionInspect>
  /** A manifest or index, byte for byte. */
  manifest(scope: Scope, ref: string, auth?: AuthConfig): Promise<RemoteManifestResponse>
  /** What refers to an image in its registry: signatures, SBOMs, attestations. @throws notFound */
  referrers(scope: Scope, ref: string, auth?: AuthConfig): Promise<readonly ReferrerSummary[]>
  /** Stores an index under a name; images of other repositories are brought there first. `auths` by server address. @returns its digest */
  pushIndex(
    scope: Scope,
    ref: string,
    index: IndexPushRequest,
    auths: Readonly<Record<string, AuthConfig>>,
  ): Promise<{ readonly Digest: string }>
  search(scope: Scope, options: SearchOptions): Promise<readonly SearchResult[]>
}
