import { accessSync, constants } from "node:fs"
import { mount } from "../../linux/mount.ts"
import type { Scope } from "../scope.ts"
import { groundOf, type TaskCollaborators } from "./collaborators.ts"
import type { TaskRequest } from "./contract.ts"
import type { LiveTask } from "./live.ts"

/**
 * Mounts the root of a task that is about to start. Only a root that is thrown away is mounted without syncs: what a program in a
 * container that is kept has brought to the disk by fsync(2) is there after a loss of power.
 */
export async function mountRoot(collaborators: TaskCollaborators, scope: Scope, live: LiveTask): Promise<void> {
  const { snapshots } = collaborators
  const { holdings, bundle } = live
  const key = holdings.snapshotKey!
  await scope.span.step(
    "mount root",
    async (span) => {
      await snapshots.settle(scope, key)
      const mounts = await snapshots.mounts(scope, key, { ...groundOf(collaborators), volatile: holdings.ephemeral })
      for (const each of mounts) mount({ ...each, target: bundle.rootfs })
      const top = mounts.at(-1)
      span.set({
        driver: snapshots.driver,
        lower: top?.lowerDirs?.length ?? 0,
        ...(top?.upperDir ? { upper: top.upperDir } : {}),
      })
    },
    "core",
  )
}

/**
 * Whether the next run of a container can go on with the root that the ended task `before` has mounted. Its unmount would write out the
 * whole file system, and the next mount would have to wait for that: two overlays must not share an upper directory.
 */
export function canTakeOver(before: LiveTask, request: TaskRequest): boolean {
  const { holdings, bundle, hasView } = before
  if (!request.snapshotKey || holdings.snapshotKey !== request.snapshotKey) return false
  if (hasView || holdings.ephemeral !== request.ephemeral) return false
  try {
    // A privileged container may have made its file system read-only.
    accessSync(bundle.rootfs, constants.W_OK)
    return true
  } catch {
    return false
  }
}
