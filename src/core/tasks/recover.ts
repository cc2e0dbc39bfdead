import type { ExitRecord } from "../../shim/contract.ts"
import { keyOf, type Scope } from "../scope.ts"
import { bundlesIn, removeBundle } from "./bundle.ts"
import { bundleRootOf, type TaskCollaborators } from "./collaborators.ts"
import { freeTask, ignoreMissing } from "./free.ts"
import { endOfExec, type LiveTask, type LiveTasks } from "./live.ts"

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
    bundle.dropProcesses()
    for (const { execId, pid, exit } of state.execs) {
      const forget = () => collaborators.shim.forget(key, execId).catch(ignoreMissing)
      // Only opened, or ended: the daemon before kept its record, and has taken it along.
      if (pid === 0 || exit) await forget()
      else {
        await collaborators.shim.closeStdin(key, execId).catch(ignoreMissing)
        const ended = endOfExec(live, execId).then(() => live.execExits.delete(execId))
        // What the shim cannot be told now goes with the task.
        void ended.then(forget).catch(() => {})
      }
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
