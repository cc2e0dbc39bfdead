import type { NetworkConnectRequest, NetworkDisconnectRequest } from "../../../api/network.ts"
import type { Sandboxes } from "../../../core/sandboxes/contract.ts"
import type { Scope } from "../../../core/scope.ts"
import type { Networking } from "../../../network/contract.ts"
import type { NetworkFiles, SpecNamespaces } from "../../../runtime/spec/contract.ts"
import type { Log } from "../../../std/log.ts"
import type { Span } from "../../../trace/span.ts"
import type { Events } from "../../events/contract.ts"
import type { NetworkCatalog } from "../../networks/catalog.ts"
import type { Container } from "../record/container.ts"
import type { ContainerRegistry } from "../record/registry.ts"
import type { NamespaceOwner } from "../request/contract.ts"

/** Name resolution of containers that do not choose their own. */
export interface DnsDefaults {
  readonly servers: readonly string[]
  readonly search: readonly string[]
  readonly options: readonly string[]
}

/** Collaborators of the networks of containers. */
export interface ContainerNetworksNeeds {
  readonly registry: Pick<ContainerRegistry, "all" | "find" | "get" | "locked" | "resolve" | "save">
  /** Interfaces, addresses and ports. */
  readonly networking: Pick<
    Networking,
    "connect" | "defaultNetwork" | "disconnect" | "nameservers" | "network" | "relink" | "rename" | "sandbox"
  >
  /** The network and the shareable /dev/shm of each container that runs, under its ID. */
  readonly sandboxes: Pick<Sandboxes, "create" | "find" | "remove">
  readonly networks: Pick<NetworkCatalog, "byName" | "find" | "get" | "resolve">
  readonly events: Pick<Events, "publish">
  readonly log: Pick<Log, "error" | "warn">
  readonly defaults: {
    readonly dns: DnsDefaults
    /** The address behind `host-gateway`; absent: the default bridge's own. */
    readonly hostGateway?: string
  }
  readonly host: {
    /** Whether the kernel has IPv6. */
    readonly ipv6: boolean
  }
  /** The folder of the containers' hostname, hosts and resolv.conf, by ID. */
  readonly containersRoot: string
  /** A scope for what no request asked for. */
  readonly background: (name: string) => Scope
}

/** The namespaces of a container that is about to start. */
export interface JoinedNamespaces {
  /** `new`: with loopback alone. */
  readonly network: SpecNamespaces["network"]
  /** For `container:` modes. */
  readonly ipcFrom?: NamespaceOwner
  readonly pidFrom?: NamespaceOwner
  /** The host's path of the container's own /dev/shm, when others may share it. */
  readonly shmPath?: string
}

/** The networks of containers, their links, and the namespaces that containers share. */
export interface ContainerNetworks {
  /**
   * Joins a container that is about to start to its networks, and records them in its state. Makes its /dev/shm, when others may share it.
   * {@link leave} undoes it, also after a failure.
   * @throws in Docker's words
   */
  connect(container: Container, span: Span): Promise<void>
  /**
   * Leaves all networks: addresses and ports are free when this returns. The promise resolves when the rest is released; failures are logged,
   * and released by the daemon's next start. Idempotent.
   */
  leave(container: Container): Promise<void>
  /** Completes the record of a running container whose start was not recorded before the daemon was killed. */
  recover(container: Container): void
  /** Tells the networks a container's new name. */
  renamed(container: Container): void
  /** `docker network connect`: at once when the container runs, else at its next start. @throws in Docker's words */
  attach(scope: Scope, network: string, request: NetworkConnectRequest): Promise<void>
  /** `docker network disconnect`. @throws in Docker's words */
  detach(scope: Scope, network: string, request: NetworkDisconnectRequest): Promise<void>
  /**
   * `docker rm --link OWNER/ALIAS`: removes the link from its owner. Hosts file and variables follow at the owner's next start.
   * @throws notFound, invalidArgument in Docker's words
   */
  unlink(scope: Scope, path: string): Promise<void>
  /** Writes hostname, hosts and resolv.conf of a container that starts. A container that shares a network gets its owner's files. */
  writeFiles(container: Container): Promise<NetworkFiles>
  /** Writes the new address of a container into the hosts files of running containers that are linked to it. */
  updateLinkedHosts(container: Container): void
  /**
   * The namespaces that a container joins. Every container that it shares one with or is linked to must run.
   * @throws internal, invalidArgument in Docker's words
   */
  namespaces(container: Container): JoinedNamespaces
}
