import type { ContainerInspect, ContainerSummary, TopResponse } from "../../../api/container.ts"
import type { Filters } from "../../../api/filters.ts"
import type { StatsResponse } from "../../../api/stats.ts"
import type { Scope } from "../../../core/scope.ts"
import type { Snapshotter } from "../../../core/snapshots/contract.ts"
import type { TaskService } from "../../../core/tasks/contract.ts"
import type { Networking } from "../../../network/contract.ts"
import type { AppArmor } from "../../../runtime/apparmor/load.ts"
import type { TurnQueue } from "../../../std/turns.ts"
import type { Events } from "../../events/contract.ts"
import type { ExecRecords } from "../../exec/records.ts"
import type { ContainerImages } from "../../images/for-containers.ts"
import type { NetworkCatalog } from "../../networks/catalog.ts"
import type { Volumes } from "../../volumes/contract.ts"
import type { Container } from "../record/container.ts"
import type { ContainerRegistry } from "../record/registry.ts"
import type { Stdio } from "../stdio/contract.ts"

export interface ListOptions {
  /** Includes containers that do not run. */
  readonly all: boolean
  /** Number of the newest containers, running or not; 0 or less: no limit. */
  readonly limit: number
  /** Fill in SizeRw and SizeRootFs. */
  readonly size: boolean
  /** status, name, id, label, annotation, ancestor, before, since, exited, health, network, volume, publish, expose, is-task, isolation */
  readonly filters: Filters
}

export interface StatsOptions {
  /** A sample each second until `scope.signal` aborts; otherwise one. */
  readonly stream: boolean
  /** With a single sample: do not wait a second for the one that fills `precpu_stats`. */
  readonly oneShot: boolean
}

/** Collaborators of the views of containers. They change nothing. */
export interface ViewsNeeds {
  readonly registry: Pick<ContainerRegistry, "afterStart" | "all" | "byName" | "get" | "resolve">
  readonly tasks: Pick<TaskService, "pids" | "stats">
  readonly execs: Pick<ExecRecords, "get">
  readonly images: Pick<ContainerImages, "display" | "forContainer">
  readonly snapshots: Pick<Snapshotter, "driver" | "find" | "mounts" | "usage">
  readonly volumes: Pick<Volumes, "inspect">
  readonly networks: Pick<NetworkCatalog, "get">
  readonly networking: Pick<Networking, "counters">
  /** Tells where the log of a container is. */
  readonly stdio: Pick<Stdio, "log">
  readonly events: Pick<Events, "publish">
  /** Orders the samples that clients ask for at one moment. */
  readonly turns: Pick<TurnQueue, "enter">
  readonly host: { readonly apparmor: AppArmor }
  /** The folder of the containers' hostname, hosts and resolv.conf, by ID. */
  readonly containersRoot: string
}

/** Containers as clients see them. */
export interface Views {
  /** `GET /containers/json`: newest first. @throws invalidArgument for bad filters */
  list(scope: Scope, options: ListOptions): Promise<readonly ContainerSummary[]>
  /** `GET /containers/{id}/json`. `size` fills in SizeRw and SizeRootFs. */
  inspect(scope: Scope, container: Container, options: { readonly size: boolean }): Promise<ContainerInspect>
  /** `GET /containers/{id}/stats`: a sample each second until `scope.signal` aborts or the container is removed, or one. */
  stats(scope: Scope, container: Container, options: StatsOptions): AsyncIterable<StatsResponse>
  /**
   * `docker top`: the host's `ps`, reduced to the processes of the container.
   * @throws conflict when it does not run · invalidArgument for arguments that ps refuses
   */
  top(scope: Scope, container: Container, psArgs: string): Promise<TopResponse>
}
