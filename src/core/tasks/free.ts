import { setTimeout as pause } from "node:timers/promises"
import { Failure, isKind, messageOf } from "../../errors/failure.ts"
import type { Cgroup } from "../../linux/cgroup-contract.ts"
import type { Scope } from "../scope.ts"
import { removeBundle } from "./bundle.ts"
import { stateRootOf, type TaskCollaborators } from "./collaborators.ts"
import type { LiveTask } from "./live.ts"

/**
 * Frees everything a task holds, each step even when another fails.
 * @param options.rootStays the bundle and the root in it, still mounted, are left to the container's next task
 * @throws internal with all that failed
 */
export async function freeTask(
  collaborators: TaskCollaborators,
  scope: Scope,
  live: LiveTask,
  options: { readonly rootStays?: boolean } = {},
): Promise<void> {
  const { blocking, shim, snapshots } = collaborators
  const { holdings, bundle } = live
  const failures: unknown[] = []
  const attempt = async (work: () => Promise<void>) => {
    try {
      await work()
    } catch (error) {
      failures.push(error)
    }
  }
  const forget = () => shim.forget(live.key).catch(ignoreMissing)
  if (live.pid !== 0) await attempt(forget)
  await attempt(() => live.driver.delete({ id: live.key, stateRoot: stateRootOf(collaborators) }))
  await attempt(async () => {
    if (live.cgroup.exists() && live.cgroup.frozen()) await live.cgroup.thaw()
  })
  await attempt(() => (live.pid === 0 ? removeWithContents(live.cgroup) : live.cgroup.remove()))
  if (holdings.snapshotKey && !options.rootStays) {
    await attempt(() => blocking.unmount(bundle.rootfs))
    // Earlier builds mounted every root without syncs.
    if (!holdings.ephemeral)
      await attempt(async () => void (await snapshots.settle(scope, holdings.snapshotKey!).catch(ignoreMissing)))
  }
  if (live.pid === 0) await attempt(() => onceEnded(forget))
  if (!options.rootStays) await attempt(() => removeBundle(bundle, blocking))
  if (failures.length > 0) {
    throw new Failure("internal", `cleaning up ${holdings.containerId}: ${failures.map(messageOf).join("; ")}`)
  }
}

/**
 * Removes the group of a task that did not come to be, with what is in it: a runtime whose shim was killed goes on, and may
 * put its container there at any moment.
 */
async function removeWithContents(cgroup: Cgroup): Promise<void> {
  const kill = () => {
    if (cgroup.exists()) cgroup.kill()
  }
  kill()
  const again = setInterval(kill, 20)
  try {
    await cgroup.remove()
  } finally {
    clearInterval(again)
  }
}

/** A task of whose start no answer came may run all the same, until the end of its group is noticed. */
async function onceEnded(forget: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await forget()
    } catch (error) {
      if (!isKind(error, "conflict") || attempt === 100) throw error
    }
    await pause(20)
  }
}

/** Passes over what is not there any more. */
export function ignoreMissing(error: unknown): void {
  if (!(error instanceof Failure && error.kind === "notFound")) throw error
}
