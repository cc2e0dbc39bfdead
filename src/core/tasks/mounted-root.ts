import { accessSync, constants, lstatSync } from "node:fs"
import { join } from "node:path"
import { mount } from "../../linux/mount.ts"
import type { Scope } from "../scope.ts"
import type { MountOptions } from "../snapshots/contract.ts"
import { baseLayerOf, type TaskCollaborators } from "./collaborators.ts"
import type { TaskRequest } from "./contract.ts"
import type { LiveTask } from "./live.ts"

/**
 * Mounts the root of a container. Only a root that is thrown away is mounted without syncs (`ephemeral`): what a program in a container
 * that is kept has brought to the disk by fsync(2) is there after a loss of power.
 * @param target a directory of the host
 */
export async function mountRoot(
  collaborators: TaskCollaborators,
  scope: Scope,
  key: string,
  target: string,
  options: { readonly ephemeral: boolean },
): Promise<void> {
  const { snapshots, blocking } = collaborators
  const mountWith = async (extra: MountOptions) => {
    const mounts = await snapshots.mounts(scope, key, { ...baseLayerOf(collaborators), ...extra })
    for (const each of mounts) mount({ ...each, target })
    return mounts.at(-1)
  }
  await scope.span.step(
    "mount root",
    async (span) => {
      await snapshots.settle(scope, key)
      const volatile = options.ephemeral
      let top = await mountWith({ volatile })
      if (collaborators.baseLayer && top?.lowerDirs?.includes(collaborators.baseLayer) && hidesBaseLayer(target)) {
        await blocking.unmount(target)
        if (volatile) await snapshots.settle(scope, key)
        top = await mountWith({ volatile, baseLayerOnTop: true })
      }
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
 * Whether an image has another kind of file at a mount point of every container: a link or file instead of a directory, a link instead of
 * a file. Docker covers these with its own. A directory in the place of a file stays, in Docker too.
 */
function hidesBaseLayer(root: string): boolean {
  const kind = (path: string) => lstatSync(join(root, path), { throwIfNoEntry: false })
  if (["etc", "dev", "proc", "sys"].some((name) => kind(name)?.isDirectory() === false)) return true
  return ["hosts", "hostname", "resolv.conf"].some((name) => {
    const file = kind(`etc/${name}`)
    return file !== undefined && !file.isFile() && !file.isDirectory()
  })
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
