import type { HttpRequest } from "../../std/http/request.ts"

/** What may be done with a repository; `catalog` is to see which there are. */
export type Action = "pull" | "push" | "delete" | "catalog"

/** What one client may do. */
export interface Access {
  /** Absent for a client that did not say who it is. */
  readonly user?: string
  /** @param repository `*` for the catalog */
  may(action: Action, repository: string): boolean
  /** Whether a list of repositories shows this one. */
  sees(repository: string): boolean
}

/** A right that a request needs. */
export interface Wanted {
  readonly action: Action
  readonly repository: string
  /** The repository that a blob is to be mounted from: better with the right to pull there. */
  readonly source?: string
}

/** Who asks, and what they may. */
export interface Authenticator {
  /** @throws Refusal UNAUTHORIZED for credentials that are wrong */
  access(request: HttpRequest): Promise<Access>
  /** The `WWW-Authenticate` value that tells a client how to come back with the right. Absent when nothing would help. */
  challenge(request: HttpRequest, wanted?: Wanted): string | undefined
}
