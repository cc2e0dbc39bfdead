import type { ContainerConfig, HostConfig } from "../../../api/container-config.ts"
import type { NetworkFiles, ReadyMount, SpecNamespaces } from "../../../runtime/spec/contract.ts"

/** The kernel's view of a container that this one shares a namespace with. */
export interface Neighbour {
  readonly pid: number
  /** Where its /dev/shm lies on the host; only shareable ones have it. */
  readonly shmPath?: string
}

/** Everything that a container's runtime specification is made of, in Docker's words. */
export interface SpecInput {
  /** Merged with the image's; Hostname filled in. */
  readonly config: ContainerConfig
  /** Validated and complete: see `adaptHostConfig`. */
  readonly host: HostConfig
  /** Bind mounts, volumes and tmpfs, those of `HostConfig.Tmpfs` apart. */
  readonly mounts: readonly ReadyMount[]
  readonly files: NetworkFiles
  /** `new`: with loopback alone. */
  readonly network: SpecNamespaces["network"]
  /** For `container:ID` modes. */
  readonly ipcFrom?: Neighbour
  readonly pidFrom?: Neighbour
  /** Where this container's shareable /dev/shm lies on the host (a mounted tmpfs); needed with IpcMode `shareable`. */
  readonly shmPath?: string
  /** Variables of the container's links. */
  readonly linked?: readonly string[]
  /** The init program on the host, for `--init`. */
  readonly initPath?: string
}
