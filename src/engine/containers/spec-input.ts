import type { ContainerConfig, HostConfig } from "../../api/container-config.ts"
import type { CgroupMode } from "../../linux/cgroup-contract.ts"
import type { AppArmor } from "../../runtime/apparmor/load.ts"
import type { RuntimeInfo } from "../../runtime/contract.ts"
import type { SeccompFilters } from "../../runtime/seccomp/filter.ts"

/** A mount whose source is found: volumes made, relative and missing sources refused. */
export type ResolvedMount =
  | {
      readonly type: "bind"
      readonly source: string
      readonly destination: string
      readonly readonly: boolean
      /** `rprivate` when absent. */
      readonly propagation?: string
      /** The source is a file: nothing lies below it. */
      readonly file?: boolean
      /** Without the mounts below the source. */
      readonly nonRecursive?: boolean
      /** With `readonly`: whether mounts below the source stay writable (`top`), or must not (`all`); as the kernel can when absent. */
      readonly readonlyDepth?: "top" | "all"
    }
  | {
      readonly type: "tmpfs"
      readonly destination: string
      /** Mount options; size, mode and so on. */
      readonly options: readonly string[]
    }

/** The kernel's view of a container that this one shares a namespace with. */
export interface Neighbour {
  readonly pid: number
  /** Where its /dev/shm lies on the host; only shareable ones have it. */
  readonly shmPath?: string
}

/** Everything that a container's runtime specification is made of. */
export interface SpecInput {
  readonly id: string
  /** Merged with the image's; Hostname filled in. */
  readonly config: ContainerConfig
  /** Validated and complete: see `adaptHostConfig`. */
  readonly host: HostConfig
  /** Bind mounts, volumes and tmpfs, those of `HostConfig.Tmpfs` apart. */
  readonly mounts: readonly ResolvedMount[]
  /** Files on the host that become /etc/hostname, /etc/hosts and /etc/resolv.conf. */
  readonly files: { readonly hostname?: string; readonly hosts?: string; readonly resolvConf?: string }
  /** `private`: a fresh namespace with loopback alone · `host` · `path`: a namespace that is ready. */
  readonly network:
    | { readonly kind: "private" }
    | { readonly kind: "host" }
    /** `ipv4Only`: interfaces in it that shall have no IPv6, not even an address of their own making. */
    | { readonly kind: "path"; readonly path: string; readonly ipv4Only?: readonly string[] }
  /** For `container:ID` modes. */
  readonly ipcFrom?: Neighbour
  readonly pidFrom?: Neighbour
  /** Where this container's shareable /dev/shm lies on the host (a mounted tmpfs); needed with IpcMode `shareable`. */
  readonly shmPath?: string
  readonly cgroupMode: CgroupMode
  /** Of the container's group, below every hierarchy's root; absent when the task service chooses it. */
  readonly cgroupPath?: string
  readonly runtime: RuntimeInfo
  readonly seccomp: SeccompFilters
  readonly apparmor: AppArmor
  /** Variables of the container's links. */
  readonly linked?: readonly string[]
  /** The init program on the host, for `--init`. */
  readonly initPath?: string
}
