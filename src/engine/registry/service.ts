import type { AuthConfig, AuthResponse, DistributionInspect, SearchResult } from "../../api/image.ts"
import type { Scope } from "../../core/scope.ts"
import type { Registries } from "../../distribution/registries.ts"
import type { RegistryQueries, SearchOptions } from "./contract.ts"
import { inspectRemote } from "./distribution.ts"
import { login } from "./login.ts"
import { searchRegistry } from "./search.ts"

/** Docker's questions to registries. */
export class EngineRegistry implements RegistryQueries {
  readonly #registries: Registries

  constructor(registries: Registries) {
    this.#registries = registries
  }

  authenticate(scope: Scope, auth: AuthConfig): Promise<AuthResponse> {
    return login(this.#registries, scope, auth)
  }

  distribution(scope: Scope, ref: string, auth?: AuthConfig): Promise<DistributionInspect> {
    return inspectRemote(this.#registries, scope, ref, auth)
  }

  search(scope: Scope, options: SearchOptions): Promise<readonly SearchResult[]> {
    return searchRegistry(this.#registries, scope, options)
  }
}
