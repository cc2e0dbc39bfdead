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
import type { RemoteImages } from "../../core/transfer/contract.ts"
import type { Registries } from "../../distribution/registries.ts"
import type { RegistryQueries, SearchOptions } from "./contract.ts"
import { inspectRemote } from "./distribution.ts"
import { pushIndex, remoteManifest } from "./index-push.ts"
import { login } from "./login.ts"
import { listReferrers } from "./referrers.ts"
import { searchRegistry } from "./search.ts"

/** Docker's questions to registries. */
export class EngineRegistry implements RegistryQueries {
  readonly #registries: Registries
  readonly #remote: RemoteImages

  constructor(registries: Registries, remote: RemoteImages) {
    this.#registries = registries
    this.#remote = remote
  }

  authenticate(scope: Scope, auth: AuthConfig): Promise<AuthResponse> {
    return login(this.#registries, scope, auth)
  }

  distribution(scope: Scope, ref: string, auth?: AuthConfig): Promise<DistributionInspect> {
    return inspectRemote(this.#registries, scope, ref, auth)
  }

  manifest(scope: Scope, ref: string, auth?: AuthConfig): Promise<RemoteManifestResponse> {
    return remoteManifest(this.#registries, scope, ref, auth)
  }

  referrers(scope: Scope, ref: string, auth?: AuthConfig): Promise<readonly ReferrerSummary[]> {
    return listReferrers(this.#registries, scope, ref, auth)
  }

  pushIndex(
    scope: Scope,
    ref: string,
    index: IndexPushRequest,
    auths: Readonly<Record<string, AuthConfig>>,
  ): Promise<{ readonly Digest: string }> {
    return pushIndex(this.#registries, this.#remote, scope, ref, index, auths)
  }

  search(scope: Scope, options: SearchOptions): Promise<readonly SearchResult[]> {
    return searchRegistry(this.#registries, scope, options)
  }
}
