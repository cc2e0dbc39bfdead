import { join } from "node:path"
import type { BlockingCalls } from "../../linux/blocking.ts"
import type { Cgroup } from "../../linux/cgroup-contract.ts"
import type { RuntimeDriver } from "../../runtime/contract.ts"
import type { Shim } from "../../shim/contract.ts"
import type { EventBus } from "../events/contract.ts"
import type { MountOptions, Snapshotter } from "../snapshots/contract.ts"
import type { LaunchSight } from "./carried-mounts.ts"

/** What the task service works with. */
export interface TaskCollaborators {
  /** Holds bundles and the runtimes' own state. */
  readonly runRoot: string
  readonly shim: Shim
  readonly snapshots: Snapshotter
  /** The directory beneath the layers of every container's root: see {@link MountOptions.baseLayer}. */
  readonly baseLayer?: string
  /** The driver of a configured runtime; the default one without a name. @throws notFound */
  readonly runtime: (name?: string) => RuntimeDriver
  readonly cgroup: (path: string) => Cgroup
  /** Where containers' cgroups go when their spec names none, e.g. `/barge`. */
  readonly cgroupParent: string
  readonly events: EventBus
  readonly blocking: BlockingCalls
  /** Absent: every launch sees the host's whole mount table. */
  readonly launchSight?: LaunchSight
  /** How many containers start at the same moment; more only raises every start's latency. */
  readonly startsAtOnce: number
}

/** Holds a bundle per task, by namespace. */
export const bundleRootOf = ({ runRoot }: TaskCollaborators): string => join(runRoot, "bundles")

/** Options with which the snapshots of containers are mounted. */
export const baseLayerOf = ({ baseLayer }: TaskCollaborators): Pick<MountOptions, "baseLayer"> =>
  baseLayer ? { baseLayer } : {}

/** Where the OCI runtimes keep their own state. */
export const stateRootOf = ({ runRoot }: TaskCollaborators): string => join(runRoot, "runtime")
