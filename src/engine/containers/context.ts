import type { Ulimit } from "../../api/container-config.ts"
import type { Differ } from "../../core/diff/contract.ts"
import type { Files } from "../../core/files/contract.ts"
import type { RootsInSight } from "../../core/files/in-sight.ts"
import type { Scope } from "../../core/scope.ts"
import type { Snapshotter } from "../../core/snapshots/contract.ts"
import type { TaskService } from "../../core/tasks/contract.ts"
import type { SharedMemory } from "../../core/tasks/shared-memory.ts"
import type { ResolvedImage } from "../../core/transfer/contract.ts"
import type { CgroupMode } from "../../linux/cgroup-contract.ts"
import type { Networking } from "../../network/contract.ts"
import type { ImageConfig, ImageRunConfig } from "../../oci/image.ts"
import type { AppArmor } from "../../runtime/apparmor/load.ts"
import type { RuntimeInfo } from "../../runtime/contract.ts"
import type { Criu } from "../../runtime/criu.ts"
import type { SeccompFilters } from "../../runtime/seccomp/filter.ts"
import type { Log } from "../../std/log.ts"
import type { Span } from "../../trace/span.ts"
import type { Events } from "../events/contract.ts"
import type { ExecRecords } from "../exec/records.ts"
import type { LogForwarding } from "../logging/forwarding.ts"
import type { NetworkCatalog } from "../networks/catalog.ts"
import type { Traces } from "../traces/contract.ts"
import type { Volumes } from "../volumes/contract.ts"
import type { Container } from "./record/container.ts"
import type { ContainerRegistry } from "./record/registry.ts"
import type { HostFacts } from "./request/validate.ts"

/** An image as a container needs it. */
export interface ContainerImage {
  readonly resolved: ResolvedImage
  /** The full name it was found by; absent when by ID. */
  readonly name?: string
}

/** Finds and prepares images for containers. */
export interface ContainerImages {
  /** The image that `ref` names, unpacked. @throws notFound (`No such image: x:latest`) */
  forContainer(scope: Scope, ref: string, platform?: string): Promise<ContainerImage>
  /** Makes an image of a snapshot on top of the container's image, and names it. */
  commit(
    scope: Scope,
    options: {
      readonly snapshotKey: string
      readonly baseImageId: string
      readonly config: Omit<ImageConfig, "rootfs" | "history">
      /** What `config` and the changes leave open is as here. */
      readonly below: ImageRunConfig
      readonly changes: readonly string[]
      readonly createdBy: string
      readonly comment?: string
      readonly repository?: string
      readonly tag?: string
    },
  ): Promise<{ readonly id: string; readonly reference?: string }>
  /** What people call a container's image now: as they wrote it, or its ID when that names another one by now. */
  display(scope: Scope, imageId: string, asCreated: string): Promise<string>
}

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
  readonly dns: {
    readonly servers: readonly string[]
    readonly search: readonly string[]
    readonly options: readonly string[]
  }
  /** Where descriptions of devices lie (Container Device Interface). */
  readonly cdiSpecDirs: readonly string[]
  /** What `host-gateway` stands for; absent: the address of the default bridge. */
  readonly hostGateway?: string
}

/** What the kernel of this host gives containers. */
export interface ContainerHost {
  readonly facts: HostFacts
  readonly cgroupMode: CgroupMode
  readonly seccomp: SeccompFilters
  /** Whether the kernel has IPv6. */
  readonly ipv6: boolean
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
  readonly sharedMemory: SharedMemory
  readonly snapshots: Snapshotter
  readonly differ: Differ
  readonly files: Files
  readonly images: ContainerImages
  readonly volumes: Volumes
  readonly networking: Networking
  readonly networks: NetworkCatalog
  readonly events: Events
  /** How many health checks ran since the daemon began, and how many of them failed. */
  readonly healthCounts: { checks: number; failures: number }
  readonly traces: Traces
  readonly logForwarding: LogForwarding
  readonly log: Log
  readonly defaults: ContainerDefaults
  readonly host: ContainerHost
  /** Names of configured runtimes; the first is the default. */
  readonly runtimes: readonly RuntimeInfo[]
  readonly rootsInSight: RootsInSight
  /** Holds everything that the daemon keeps; with an absolute path. */
  readonly dataRoot: string
  /** `<data>/containers`: logs, resolv.conf, hosts, hostname. */
  readonly containersRoot: string
  /** A scope for what no request asked for. */
  readonly background: (name: string) => Scope
}

/** Tells what happened to a container in Docker's form: its labels, image, name and special facts. */
export function publish(
  context: ContainerContext,
  container: Container,
  action: string,
  attributes: Readonly<Record<string, string>> = {},
): void {
  const { id, name } = container
  const { Labels, Image } = container.document.config
  let joined: Readonly<Record<string, string>> | undefined
  context.events.publish({
    Type: "container",
    Action: action,
    Actor: {
      ID: id,
      // Put together for the first reader: most events have none, and labels may be megabytes.
      get Attributes() {
        joined ??= { ...Labels, ...attributes, image: Image, name }
        return joined
      },
    },
  })
}

/** Runs `work` as a step of the engine's layer. */
export const step = <T>(scope: Scope, name: string, work: (span: Span) => Promise<T> | T): Promise<T> =>
  scope.span.step(name, work, "engine")
