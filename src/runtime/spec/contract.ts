import type { CgroupMode } from "../../linux/cgroup-contract.ts"
import type { DeviceRule, Process, Resources } from "../../oci/runtime-spec.ts"
import type { AppArmor } from "../apparmor/load.ts"
import type { RuntimeInfo } from "../contract.ts"
import type { MappedDevice } from "../devices.ts"
import type { SeccompFilters } from "../seccomp/filter.ts"

/**
 * Everything that a container's runtime specification is made of, in the specification's own words. The engine makes it of
 * Docker's requests.
 */
export interface SpecRequest {
  readonly process: ProcessRequest
  readonly user: UserRequest
  /** In the container's own UTS namespace; without effect in the host's. */
  readonly hostname: string
  readonly domainname?: string
  /** The root is mounted read-only, and so are the usual file systems, but for those that programs need to write to. */
  readonly readonlyRoot: boolean
  readonly namespaces: SpecNamespaces
  /** Beside the usual file systems, in any order. */
  readonly mounts: readonly ReadyMount[]
  readonly files: NetworkFiles
  /** The /dev/shm: a tmpfs of its own of `size` bytes, or a directory of the host. Absent: there is none. */
  readonly sharedMemory?: { readonly size: number } | { readonly source: string }
  readonly security: SecurityRequest
  /** Devices apart. */
  readonly resources: Resources
  /** Devices beside the usual ones. Privileged containers have every device of the host. */
  readonly devices: readonly MappedDevice[]
  /** Access to devices beside the usual ones and `devices`. */
  readonly deviceRules: readonly DeviceRule[]
  /** Names with dots or slashes. Those of a namespace that is the host's are refused. */
  readonly sysctl: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** An init program on the host, which becomes process 1 and runs `process.args`. */
  readonly init?: string
  /** Below every hierarchy's root; absent when the task service chooses it. */
  readonly cgroupsPath?: string
}

/** What runs. */
export interface ProcessRequest {
  readonly args: readonly string[]
  /** All variables; HOME is added for the user. */
  readonly env: readonly string[]
  readonly cwd: string
  readonly terminal: boolean
  /** The first size of the terminal; absent: the kernel's default. */
  readonly consoleSize?: Readonly<NonNullable<Process["consoleSize"]>>
  readonly umask?: number
  readonly oomScoreAdj?: number
  readonly rlimits?: Readonly<NonNullable<Process["rlimits"]>>
}

/** Who a process runs as, by the passwd and group files of the container's root. */
export interface UserRequest {
  /** `user[:group]`, names or numbers; empty: root. */
  readonly name: string
  /** Further groups, names or numbers. */
  readonly groups: readonly string[]
}

/** A kernel namespace: a new one, the host's, or the one that a file names. */
export type NamespaceChoice = "new" | "host" | { readonly path: string }

/** The namespaces of a container; the mount namespace is always a new one. */
export interface SpecNamespaces {
  /** `withoutIpv6`: interfaces of the namespace that shall have no IPv6, not even an address of their own making. */
  readonly network: "new" | "host" | { readonly path: string; readonly withoutIpv6?: readonly string[] }
  readonly uts: NamespaceChoice
  readonly pid: NamespaceChoice
  readonly ipc: NamespaceChoice
  readonly cgroup: NamespaceChoice
}

/** Files on the host that become /etc/hostname, /etc/hosts and /etc/resolv.conf. */
export interface NetworkFiles {
  readonly hostname?: string
  readonly hosts?: string
  readonly resolvConf?: string
}

/** A mount whose source exists. */
export type ReadyMount =
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
      /** Mount options (size, mode and so on); nosuid, nodev and noexec unless their opposites are among them. */
      readonly options: readonly string[]
    }

/** How a container is confined. */
export interface SecurityRequest {
  /** With every device, without filter, default profile, hidden and read-only paths. */
  readonly privileged: boolean
  /** The bounding set, with the `CAP_` prefix (`resolveCapabilities`). */
  readonly capabilities: readonly string[]
  readonly noNewPrivileges: boolean
  /** A profile's JSON text, or `unconfined`; absent: the built-in one. */
  readonly seccomp?: string
  /** A profile's name, or `unconfined`; absent: the default one. */
  readonly apparmor?: string
  /** Paths that are hidden; absent: the usual ones. Without effect when privileged. */
  readonly maskedPaths?: readonly string[]
  /** Paths that cannot be written to; absent: the usual ones. Without effect when privileged. */
  readonly readonlyPaths?: readonly string[]
  /** The container's cgroups may be written to from within. */
  readonly writableCgroups: boolean
}

/** The host that a specification is for, and the runtime that takes it. */
export interface SpecHost {
  readonly cgroupMode: CgroupMode
  readonly runtime: RuntimeInfo
  readonly seccomp: SeccompFilters
  readonly apparmor: AppArmor
}
