import type { KeyedMutex } from "../../std/semaphore.ts"
import { keyOf, type Scope } from "../scope.ts"
import { type Bundle, removeBundle } from "./bundle.ts"
import type { TaskCollaborators } from "./collaborators.ts"
import type { ViewMount } from "./contract.ts"
import { type LiveTasks, rootOf } from "./live.ts"
import { mountRoot } from "./mounted-root.ts"
import { holdRootSeenBy, mountInView } from "./root-view.ts"
import { SharedUse } from "./shared-use.ts"

type Mounts = (root: string, show: (view: ViewMount) => void) => Promise<void>

/** Containers' roots for work besides their processes: the mounted one of a live task, or one mounted for the time of the work. */
export class TaskRoots {
  readonly #with: TaskCollaborators
  readonly #live: LiveTasks
  readonly #perTask: KeyedMutex
  readonly #bundle: (scope: Scope, containerId: string) => Bundle
  readonly #idleRoots = new SharedUse<string>()

  /** @param perTask held while a root is mounted: its container cannot start meanwhile */
  constructor(
    collaborators: TaskCollaborators,
    live: LiveTasks,
    perTask: KeyedMutex,
    bundle: (scope: Scope, containerId: string) => Bundle,
  ) {
    this.#with = collaborators
    this.#live = live
    this.#perTask = perTask
    this.#bundle = bundle
  }

  /** As `withRoot` of the task service. */
  async use<T>(scope: Scope, containerId: string, snapshotKey: string, work: (root: string) => Promise<T>): Promise<T> {
    const live = this.#live.get(keyOf(scope, containerId))
    if (live && live.status !== "stopped") return await work(rootOf(live))
    return await this.#idleRoots.use(keyOf(scope, containerId), this.#idle(scope, containerId, snapshotKey), work)
  }

  /** As `withMountedRoot` of the task service. */
  async useWithMounts<T>(
    scope: Scope,
    containerId: string,
    snapshotKey: string,
    mounts: Mounts,
    work: (root: string) => Promise<T>,
  ): Promise<T> {
    const live = this.#live.get(keyOf(scope, containerId))
    if (live && live.status !== "stopped") {
      using seen = holdRootSeenBy(live.pid, rootOf(live))
      if (seen) return await work(seen.path)
    }
    const key = `${keyOf(scope, containerId)} with mounts`
    return await this.#idleRoots.use(key, this.#idle(scope, containerId, snapshotKey, mounts), work)
  }

  /** Mounts the root of a container that does not run; it cannot start meanwhile. */
  #idle(
    scope: Scope,
    containerId: string,
    snapshotKey: string,
    mounts?: Mounts,
  ): (work: (root: string) => Promise<void>) => Promise<void> {
    return (work) =>
      this.#perTask.run(keyOf(scope, containerId), async () => {
        const live = this.#live.get(keyOf(scope, containerId))
        if (live) {
          const root = rootOf(live)
          // It was started while this waited, or has ended and is not freed yet: then the root goes when the task does.
          using seen = mounts && live.status !== "stopped" ? holdRootSeenBy(live.pid, root) : undefined
          if (seen) return await work(seen.path)
          if (mounts && !live.hasView) {
            await mounts(root, (view) => mountInView(root, view))
            live.hasView = true
          }
          return await work(root)
        }
        const bundle = this.#bundle(scope, containerId)
        bundle.create({
          namespace: scope.namespace,
          containerId,
          snapshotKey,
          ephemeral: false,
          runtime: "",
          cgroupPath: "",
          cgroupByUs: false,
        })
        try {
          await mountRoot(this.#with, scope, snapshotKey, bundle.rootfs, { ephemeral: false })
          await mounts?.(bundle.rootfs, (view) => mountInView(bundle.rootfs, view))
          await work(bundle.rootfs)
        } finally {
          await this.#with.blocking.unmount(bundle.rootfs)
          await removeBundle(bundle, this.#with.blocking)
        }
      })
  }
}
