import type { CommitResponse, FilesystemChange } from "../../../api/container.ts"
import type { ContainerConfig } from "../../../api/container-config.ts"
import type { Differ } from "../../../core/diff/contract.ts"
import type { Files, PathStatus } from "../../../core/files/contract.ts"
import type { Scope } from "../../../core/scope.ts"
import type { TaskService } from "../../../core/tasks/contract.ts"
import type { Events } from "../../events/contract.ts"
import type { ContainerImages } from "../../images/for-containers.ts"
import type { Mounts } from "../mounts/contract.ts"
import type { Container } from "../record/container.ts"
import type { ContainerRegistry } from "../record/registry.ts"

/** A path of a container as a tar. */
export interface ContainerArchive {
  readonly status: PathStatus
  readonly chunks: AsyncIterable<Uint8Array>
}

export interface ExtractOptions {
  /** An existing directory. */
  readonly path: string
  /** Refuse to replace a directory by another kind of file, and the other way round. */
  readonly keepKinds: boolean
  /** Give all files to the user that the container runs as. */
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

/** Collaborators of the files of containers. */
export interface ContainerFilesNeeds {
  readonly registry: Pick<ContainerRegistry, "locked">
  /** Mounts the root of a container for the time of a call, and pauses it for a commit. */
  readonly tasks: Pick<TaskService, "pause" | "resume" | "withMountedRoot" | "withRoot">
  readonly files: Pick<Files, "directory" | "pack" | "status" | "unpack">
  readonly differ: Pick<Differ, "changes" | "tree">
  readonly images: Pick<ContainerImages, "commit">
  /** Mounts volumes and binds into the root of a container that does not run. */
  readonly mounts: Pick<Mounts, "showIn">
  readonly events: Pick<Events, "publish">
  /** A scope for work that several requests share. */
  readonly background: (name: string) => Scope
}

/** The files of containers, running or not. `ref` is the client's name for the container, for messages. */
export interface ContainerFiles {
  /** @throws notFound */
  status(scope: Scope, container: Container, ref: string, path: string): Promise<PathStatus>
  /** A path as a tar. Its files stay mounted until the chunks are read or `scope.signal` aborts. @throws notFound */
  read(scope: Scope, container: Container, ref: string, path: string): Promise<ContainerArchive>
  /** Unpacks a tar into an existing directory. @throws notFound · permissionDenied where the container may not write */
  extract(
    scope: Scope,
    container: Container,
    ref: string,
    options: ExtractOptions,
    archive: AsyncIterable<Uint8Array>,
  ): Promise<void>
  /** Paths that differ from the image; `null` without any. */
  changes(scope: Scope, container: Container): Promise<readonly FilesystemChange[] | null>
  /** The whole root file system as a tar, without mounts. */
  exportTree(scope: Scope, container: Container): AsyncIterable<Uint8Array>
  /** Makes an image of the container's changes on its image. Paused meanwhile, unless the options say otherwise. */
  commit(scope: Scope, container: Container, options: CommitOptions): Promise<CommitResponse>
}
