import type { ExitRecord } from "../../shim/contract.ts"
import type { Scope } from "../scope.ts"
import { bundlesIn, removeBundle } from "./bundle.ts"
import { bundleRootOf, type TaskCollaborators } from "./collaborators.ts"
import { freeTask, ignoreMissing } from "./free.ts"
import { keyOf, type LiveTask, type LiveTasks } from "./live.ts"

/**
 * Takes over what an earlier life of the daemon left: running tasks are adopted, ended ones are told as exits to
 * listeners, half-made ones are freed.
 */
export async function recoverTasks(
  collaborators: TaskCollaborators,
  tasks: LiveTasks,
  scopeOf: (namespace: string) => Scope,
): Promise<void> {
  const known = new Map((await collaborators.shim.tasks()).map((task) => [task.id, task]))
  const ended: ExitRecord[] = []
  for (const bundle of bundlesIn(bundleRootOf(collaborators))) {
    const holdings = bundle.holdings()
    if (!holdings?.runtime) {
      // What cannot be taken away now stays for the next start, and hurts nobody.
      await collaborators.blocking.unmount(bundle.rootfs).catch(() => {})
      await removeBundle(bundle, collaborators.blocking).catch(() => {})
      continue
    }
    const scope = scopeOf(holdings.namespace)
    const key = keyOf(scope, holdings.containerId)
    const state = known.get(key)
    const live: LiveTask = {
      key,
      bundle,
      holdings,
      cgroup: collaborators.cgroup(holdings.cgroupPath),
      driver: collaborators.runtime(holdings.runtime),
      pid: state?.pid ?? 0,
      startedAt: BigInt(state?.startedAt ?? "0"),
      status: "running",
      waiters: [],
      execExits: new Map(),
      execWaiters: new Map(),
    }
    if (!state?.pid) {
      await freeTask(collaborators, scope, live)
      continue
    }
    if (live.cgroup.frozen()) live.status = "paused"
    for (const { execId, pid, exit } of state.execs) {
      if (exit) live.execExits.set(execId, exit)
      // It was only opened, by a client of the daemon before.
      if (pid === 0) await collaborators.shim.forget(key, execId).catch(ignoreMissing)
      else if (!exit) await collaborators.shim.closeStdin(key, execId).catch(ignoreMissing)
    }
    // Those who fed it went with the daemon before; a shim that was killed with that one does not know.
    if (state.fed && !state.exit) await collaborators.shim.closeStdin(key).catch(ignoreMissing)
    tasks.add(live)
    if (state.exit) ended.push(state.exit)
  }
  for (const id of known.keys()) if (!tasks.has(id)) await collaborators.shim.forget(id).catch(ignoreMissing)
  for (const exit of ended) tasks.ended(exit)
  // Those that ended while this was going on.
  for (const { key } of tasks.all()) tasks.tellEarly(key)
}
