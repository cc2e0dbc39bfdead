import type { ContainerConfig } from "../../../api/container-config.ts"
import type { PathStatus } from "../../../core/files/contract.ts"

/** A path of a container as a tar. */
export interface ContainerArchive {
  readonly status: PathStatus
  readonly chunks: AsyncIterable<Uint8Array>
}

export interface ExtractOptions {
  /** Of an existing directory. */
  readonly path: string
  /** Refuse to replace a directory by something else and the other way round. */
  readonly keepKinds: boolean
  /** Everything is to belong to the user the container runs as. */
  readonly copyOwner: boolean
}

export interface CommitOptions {
  readonly container: string
  readonly repository?: string
  readonly tag?: string
  readonly comment?: string
  readonly author?: string
  readonly pause: boolean
  /** Dockerfile instructions, each one line or several. */
  readonly changes: readonly string[]
  readonly config?: ContainerConfig
}
