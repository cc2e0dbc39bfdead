import type { ContainerConfig, HostConfig } from "../../../api/container-config.ts"
import type { NetworkFiles, ReadyMount, SpecNamespaces } from "../../../runtime/spec/contract.ts"

/** A running container that another one shares a namespace with. */
export interface NamespaceOwner {
  readonly pid: number
  /** Path of its /dev/shm on the host; absent unless its IPC namespace is shareable. */
  readonly shmPath?: string
}

/** The parts of a container's runtime specification, in Docker's words. */
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
  readonly ipcFrom?: NamespaceOwner
  readonly pidFrom?: NamespaceOwner
  /** Where this container's shareable /dev/shm lies on the host (a mounted tmpfs); needed with IpcMode `shareable`. */
  readonly shmPath?: string
  /** Variables of the container's links. */
  readonly linked?: readonly string[]
  /** The init program on the host, for `--init`. */
  readonly initPath?: string
}
