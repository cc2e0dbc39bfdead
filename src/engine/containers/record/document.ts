import type { HealthResult } from "../../../api/container.ts"
import type { ContainerConfig, HostConfig, NetworkingConfig } from "../../../api/container-config.ts"
import type { BoundPort, EndpointAddress } from "../../../network/contract.ts"

/** A mount as it was decided at creation: source, destination and options. */
export interface ResolvedMount {
  readonly type: "bind" | "volume" | "tmpfs" | "image"
  /** A host path, the volume's name, or the image as it was asked for. */
  readonly source: string
  readonly destination: string
  /** The destination as a relative path, as the image or request declared it: inspect shows it. */
  readonly declaredAs?: string
  readonly readOnly: boolean
  /** The mode text of `-v`, as inspect shows it. */
  readonly mode: string
  readonly propagation: string
  /** The engine chose the propagation, not the client. */
  readonly propagationChosen?: boolean
  readonly nonRecursive?: boolean
  /** Whether `readOnly` covers the mounts below as well; absent: as far as the kernel can. */
  readonly readOnlyDepth?: "top" | "all"
  /** A missing source of a bind is created at the start. */
  readonly createSource?: boolean
  /** Digest of the image's configuration, and key of the snapshot with its tree. */
  readonly image?: { readonly id: string; readonly snapshotKey: string }
  /** An empty volume is not filled from the image. */
  readonly noCopy?: boolean
  /** A relative path in the volume or image: mounted instead of the whole. */
  readonly subpath?: string
  /** Mount options of a tmpfs. */
  readonly options?: readonly string[]
  /** Removed with the container by `rm -v` and `--rm`. */
  readonly anonymous?: boolean
  readonly fromImage?: boolean
}

/** Endpoint of a running container in one network. */
export interface ConnectedNetwork {
  readonly networkId: string
  readonly endpointId: string
  readonly macAddress: string
  readonly ipv4?: EndpointAddress
  readonly ipv6?: EndpointAddress
  readonly names: readonly string[]
}

/** Networks of a running container. */
export interface ConnectedSandbox {
  readonly id: string
  /** The network namespace; empty in the host's network and without one. */
  readonly path: string
  readonly ports: readonly BoundPort[]
  /** By name. */
  readonly networks: Readonly<Record<string, ConnectedNetwork>>
}

/**
 * A legacy link of Docker's: a container of the default bridge knows another by an alias, in its hosts file and by variables.
 * Kept by ID, so that a link follows its container when that is renamed. User-defined networks have aliases instead.
 */
export interface Link {
  readonly containerId: string
  readonly alias: string
}

/** The part of a document that changes while a container lives. */
export interface ContainerRunState {
  status: "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead"
  pid: number
  exitCode: number
  error: string
  oomKilled: boolean
  /** Nanoseconds since the epoch, 0 for never; decimal text so that JSON keeps it exact. */
  startedAt: string
  finishedAt: string
  restartCount: number
  /** A client asked for `stop` or `kill`: policy `unless-stopped` does not start it again. */
  manuallyStopped: boolean
  health?: { status: "starting" | "healthy" | "unhealthy"; failingStreak: number; log: HealthResult[] }
  sandbox?: ConnectedSandbox
  /** Warning that the container's own files may be incomplete; inspect shows it from then on. */
  filesInDoubt?: string
}

/** Record of a container as it is kept on disk (JSON, in the extension `engine` of the core record). */
export interface ContainerDocument {
  name: string
  readonly created: string
  readonly path: string
  readonly args: readonly string[]
  config: ContainerConfig
  hostConfig: HostConfig
  /** Whether client or configuration named the log driver (see `usualDriver`). */
  readonly logDriverNamed: boolean
  /** Requested endpoints, by name of the network. */
  networking: NetworkingConfig
  /** Digest of the image's configuration; empty for a container without an image. */
  readonly imageId: string
  readonly manifestDigest?: string
  readonly platform: string
  readonly mounts: readonly ResolvedMount[]
  /** Legacy links; absent without any. */
  links?: readonly Link[]
  state: ContainerRunState
}
