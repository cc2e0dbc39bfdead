import type { Ulimit } from "../../api/container-config.ts"
import type { Scope } from "../../core/scope.ts"
import type { Snapshotter } from "../../core/snapshots/contract.ts"
import type { TaskService } from "../../core/tasks/contract.ts"
import type { CgroupMode } from "../../linux/cgroup-contract.ts"
import type { Networking } from "../../network/contract.ts"
import type { AppArmor } from "../../runtime/apparmor/load.ts"
import type { RuntimeInfo } from "../../runtime/contract.ts"
import type { Criu } from "../../runtime/criu.ts"
import type { SeccompFilters } from "../../runtime/seccomp/filter.ts"
import type { Log } from "../../std/log.ts"
import type { TurnQueue } from "../../std/turns.ts"
import type { Events } from "../events/contract.ts"
import type { ExecRecords } from "../exec/records.ts"
import type { ContainerImages } from "../images/for-containers.ts"
import type { LogForwarding } from "../logging/forwarding.ts"
import type { NetworkCatalog } from "../networks/catalog.ts"
import type { Traces } from "../traces/contract.ts"
import type { Volumes } from "../volumes/contract.ts"
import type { ContainerFiles } from "./files/contract.ts"
import type { Mounts } from "./mounts/contract.ts"
import type { ContainerNetworks } from "./network/contract.ts"
import type { ContainerRegistry } from "./record/registry.ts"
import type { HostFacts } from "./request/validate.ts"
import type { Stdio } from "./stdio/contract.ts"
import type { Views } from "./views/contract.ts"

/** What the daemon's configuration says about containers. */
export interface ContainerDefaults {
  readonly cgroupParent: string
  /** Checkpoints are to be had. */
  readonly experimental: boolean
  /** Absent: nobody named one. */
  readonly logDriver?: string
  readonly logOptions: Readonly<Record<string, string>>
  readonly shmSize: number
  readonly ulimits: readonly Ulimit[]
  readonly ipcMode: string
  readonly cgroupnsMode: "host" | "private"
  readonly init: boolean
  readonly noNewPrivileges: boolean
  /** The text of the daemon's own seccomp profile, or `unconfined`; absent: built in. */
  readonly seccompProfile?: string
  /** Where descriptions of devices lie (Container Device Interface). */
  readonly cdiSpecDirs: readonly string[]
}

/** What the kernel of this host gives containers. */
export interface ContainerHost {
  readonly facts: HostFacts
  readonly cgroupMode: CgroupMode
  readonly seccomp: SeccompFilters
  readonly apparmor: AppArmor
  readonly criu: Criu
  /** The init program for `--init`; absent when none is installed. */
  readonly initPath?: string
}

/** What the verbs of this folder work with. */
export interface ContainerContext {
  readonly registry: ContainerRegistry
  readonly execs: ExecRecords
  /** Ends of runs that are being dealt with: records, and what the runs held. */
  readonly ends: Set<Promise<void>>
  readonly tasks: TaskService
  readonly snapshots: Snapshotter
  readonly images: ContainerImages
  readonly volumes: Volumes
  readonly mounts: Mounts
  readonly networking: Networking
  readonly networks: NetworkCatalog
  readonly containerNetworks: ContainerNetworks
  readonly events: Events
  /** How many health checks ran since the daemon began, and how many of them failed. */
  readonly healthCounts: { checks: number; failures: number }
  readonly traces: Traces
  readonly logForwarding: LogForwarding
  readonly stdio: Stdio
  /** For what many containers do at one moment: ends, health checks, samples. */
  readonly turns: TurnQueue
  readonly containerFiles: ContainerFiles
  readonly views: Views
  readonly log: Log
  readonly defaults: ContainerDefaults
  readonly host: ContainerHost
  /** Names of configured runtimes; the first is the default. */
  readonly runtimes: readonly RuntimeInfo[]
  /** Holds everything that the daemon keeps; with an absolute path. */
  readonly dataRoot: string
  /** `<data>/containers`: logs, resolv.conf, hosts, hostname. */
  readonly containersRoot: string
  /** A scope for what no request asked for. */
  readonly background: (name: string) => Scope
}
