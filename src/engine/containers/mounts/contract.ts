import type { HostConfig } from "../../../api/container-config.ts"
import type { TemporaryMounts } from "../../../core/files/temporary-mounts.ts"
import type { Scope } from "../../../core/scope.ts"
import type { Snapshotter } from "../../../core/snapshots/contract.ts"
import type { ViewMount } from "../../../core/tasks/contract.ts"
import type { VolumeFilling } from "../../../core/tasks/volume-filling.ts"
import type { ReadyMount } from "../../../runtime/spec/contract.ts"
import type { Log } from "../../../std/log.ts"
import type { Events } from "../../events/contract.ts"
import type { ContainerImages } from "../../images/for-containers.ts"
import type { Volumes } from "../../volumes/contract.ts"
import type { Container } from "../record/container.ts"
import type { ResolvedMount } from "../record/document.ts"
import type { ContainerRegistry } from "../record/registry.ts"

/** Collaborators of the mounts of containers. */
export interface MountsNeeds {
  /** Finds the containers of `--volumes-from`. */
  readonly registry: Pick<ContainerRegistry, "get" | "resolve">
  readonly volumes: Pick<Volumes, "create" | "acquire" | "remove">
  readonly volumeFilling: Pick<VolumeFilling, "fill">
  /** Finds the images of image mounts. */
  readonly images: Pick<ContainerImages, "forContainer">
  readonly snapshots: Pick<Snapshotter, "view" | "remove" | "list">
  readonly temporaryMounts: Pick<TemporaryMounts, "mountSnapshot" | "mountSubpath">
  readonly events: Pick<Events, "publish">
  readonly log: Pick<Log, "warn">
  /** Absolute path; binds of it are mounted so that they let go of the daemon's own mounts. */
  readonly dataRoot: string
  /** The folder of the containers' hostname, hosts and resolv.conf, by ID. */
  readonly containersRoot: string
}

/** The mounts that a create request asks for. */
export interface MountsRequest {
  readonly hostConfig: HostConfig
  /** Paths of volumes that the request and the image declare; relative ones begin at the root. */
  readonly request: readonly string[]
  readonly image: readonly string[]
  /** Read-only binds leave the mounts below them writable, unless they say otherwise. */
  readonly shallowReadOnly: boolean
}

/** Resources that mounts depend on; the caller disposes of them. */
export interface MountHolds {
  /** Needed until the sources are mounted: temporary mounts. */
  readonly whileMounting: AsyncDisposableStack
  /** Needed as long as they are mounted: volumes, shared memory. */
  readonly whileMounted: AsyncDisposableStack
}

/** The mounts of containers from the request to the end of the run. */
export interface Mounts {
  /**
   * Decides every mount of a new container and creates the volumes and image snapshots that it needs. Order as in Docker:
   * volumes-from, binds, mounts, then the volumes that image and request declare and no other mount covers.
   * @throws invalidArgument (also for two mounts at one destination) · notFound for an unknown image or volume driver
   */
  resolve(scope: Scope, containerId: string, request: MountsRequest): Promise<readonly ResolvedMount[]>
  /**
   * Prepares the sources of a container's mounts for a start: mounts volumes, fills empty ones from the image at `root`,
   * creates missing directories of binds. @throws internal, notFound in Docker's words
   */
  prepare(scope: Scope, container: Container, root: string, holds: MountHolds): Promise<readonly ReadyMount[]>
  /** Holds the volumes of a container that kept running without the daemon. A failure goes to the log. */
  holdVolumes(scope: Scope, container: Container, holds: AsyncDisposableStack): Promise<void>
  /** Mounts into `root`, of a container that does not run, everything but tmpfs: each is handed to `show`, outer ones first. */
  showIn(scope: Scope, container: Container, root: string, show: (view: ViewMount) => void): Promise<void>
  /** Publishes the `unmount` events of the volumes of a run that has ended. */
  publishUnmounts(container: Container): void
  /** Removes the snapshots of image mounts. */
  removeImageSnapshots(scope: Scope, mounts: readonly ResolvedMount[]): Promise<void>
  /** Removes anonymous volumes that no other container uses. A failure goes to the log. */
  removeAnonymousVolumes(scope: Scope, mounts: readonly ResolvedMount[]): Promise<void>
  /** Removes the image snapshots of containers that no longer exist, left when a crash cut off a creation or removal. */
  sweepImageSnapshots(scope: Scope): Promise<void>
}
