import { mkdirSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { messageOf } from "../../../errors/failure.ts"
import type { ExitRecord } from "../../../shim/contract.ts"
import type { ContainerContext } from "../context.ts"
import { linksOf } from "../network/links.ts"
import { namespaceOwners } from "../network/namespace-owners.ts"
import type { Container } from "../record/container.ts"
import { unknownExit } from "../record/container.ts"
import type { ContainerRunState } from "../record/document.ts"
import type { ContainerRegistry } from "../record/registry.ts"
import { cancelRestart, handleExit, removeRecord, restartPending, saveOrWarn, shouldRestart } from "./exit.ts"
import { startHealthChecks, stopHealthChecks } from "./health.ts"
import { startLocked } from "./start.ts"

/** How long the end of the daemon waits for what ended containers held to be freed, in milliseconds. */
const freeingGrace = 5_000

async function handleInTurn(context: ContainerContext, exit: ExitRecord): Promise<void> {
  await context.turns.enter()
  await handleExit(context, exit.id, exit)
}

/**
 * Brings records and reality together when the daemon starts: running containers go on, those that ended meanwhile get
 * their end, and half-removed ones are removed. The registry must be loaded; {@link resumePolicies} follows.
 */
export async function recoverContainers(context: ContainerContext): Promise<void> {
  const scope = context.background("recover")
  context.tasks.onExit((namespace, exit) => {
    if (namespace !== scope.namespace || exit.execId) return
    const handled = handleInTurn(context, exit)
      .catch((error) => {
        context.log.error("handling the end of a container failed", { container: exit.id, error: messageOf(error) })
      })
      .finally(() => context.ends.delete(handled))
    context.ends.add(handled)
  })
  await context.tasks.recover((namespace) => ({ ...scope, namespace }))
  await noteFilesInDoubt(context)
  const lost: Container[] = []
  for (const container of context.registry.all()) {
    const task = context.tasks.find(scope, container.id)
    const { state } = container
    if (task && task.status !== "stopped") {
      const before = { ...state }
      // Nobody was told of a pause: it was a commit's, or of a request that was cut off.
      const frozenOnly = task.status === "paused" && state.status !== "paused"
      if (frozenOnly) await context.tasks.resume(scope, container.id)
      state.status = task.status === "paused" && !frozenOnly ? "paused" : "running"
      state.pid = task.pid
      if (state.startedAt === "0" || !container.running) state.startedAt = task.startedAt.toString()
      context.containerNetworks.recover(container)
      await holdVolumes(context, container)
      // As a rule all is as it was recorded, and thousands of records are left alone.
      if (differs(before, state)) await saveOrWarn(context, scope, container)
      startHealthChecks(context, container, true)
    } else if (!task && container.running) lost.push(container)
    else if (!task && state.sandbox) {
      await context.containerNetworks.leave(container)
      await saveOrWarn(context, scope, container)
    }
  }
  for (const task of await context.tasks.list(scope)) {
    if (context.registry.get(task.containerId)) continue
    context.log.warn("ending a process whose container was removed", { container: task.containerId })
    if (task.status === "stopped") await context.tasks.delete(scope, task.containerId).catch(() => {})
    else await context.tasks.kill(scope, task.containerId, 9).catch(() => {})
  }
  for (const container of context.registry.all()) {
    if (container.state.startedAt !== "0") context.logForwarding.resume(container)
  }
  sweepFolders(context)
  await context.mounts.sweepImageSnapshots(scope)
  await context.volumes.unmountUnused()
  for (const container of lost) await settleLost(context, container)
}

/** Whether a field has another value, or another object. */
const differs = (before: ContainerRunState, now: ContainerRunState): boolean =>
  Object.entries(now).some(([field, value]) => before[field as keyof ContainerRunState] !== value)

/**
 * Says so of containers that an earlier build had mounted without syncs when the host lost its power: what their programs had written,
 * fsync(2) or not, may be missing.
 */
async function noteFilesInDoubt(context: ContainerContext): Promise<void> {
  const scope = context.background("recover")
  for (const container of context.registry.all()) {
    const { id, document, state } = container
    if (context.tasks.find(scope, id) || document.hostConfig.AutoRemove) continue
    const whole = await context.snapshots.settle(scope, id).catch(() => true)
    if (whole) continue
    state.filesInDoubt =
      "the host was started anew while the container's own files were mounted without syncs: what it wrote last may be missing; volumes are not concerned"
    await context.registry.save(scope, container)
    context.log.warn("a container's files may be incomplete", { container: id, why: state.filesInDoubt })
  }
}

/** A container that ran on keeps its volumes mounted. */
async function holdVolumes(context: ContainerContext, container: Container): Promise<void> {
  const scope = context.background("recover")
  const holds = new AsyncDisposableStack()
  container.mountHolds = holds
  await context.mounts.holdVolumes(scope, container, holds)
}

/** Deletes folders of containers whose creation or removal a crash has cut off: the record decides what exists. */
function sweepFolders(context: ContainerContext): void {
  mkdirSync(context.containersRoot, { recursive: true, mode: 0o710 })
  for (const name of readdirSync(context.containersRoot)) {
    if (!context.registry.get(name)) rmSync(join(context.containersRoot, name), { recursive: true, force: true })
  }
}

/** A container that ran and of which nothing is left: the host was started anew, or shim and daemon were killed together. */
async function settleLost(context: ContainerContext, container: Container): Promise<void> {
  const scope = context.background("recover")
  const { state } = container
  state.status = "exited"
  state.pid = 0
  state.exitCode = 255
  state.error = unknownExit
  state.finishedAt = (BigInt(Date.now()) * 1_000_000n).toString()
  await context.containerNetworks.leave(container)
  await saveOrWarn(context, scope, container)
  if (container.document.hostConfig.AutoRemove) await removeRecord(context, scope, container, true)
}

/**
 * After a start of the daemon, when nothing of its earlier life is swept any more: what its policy wants running is started, and
 * a restart that was pending is carried out. Containers start side by side, but each after those whose namespaces it shares, or that it is linked to.
 */
export function resumePolicies(context: ContainerContext): void {
  const resumed = new Map<Container, Promise<void>>()
  const resume = (container: Container): Promise<void> => {
    const known = resumed.get(container)
    if (known) return known
    // Modes that lead round in a circle do not wait for themselves.
    resumed.set(container, Promise.resolve())
    const before = Promise.all(prerequisitesOf(context.registry, container).map(resume))
    const own = before.then(() => resumePolicy(context, container))
    resumed.set(container, own)
    return own
  }
  for (const container of context.registry.all()) void resume(container)
}

/** The containers that must run before this one can. */
const prerequisitesOf = (registry: ContainerRegistry, container: Container): readonly Container[] => [
  ...namespaceOwners(registry, container),
  ...linksOf(registry, container).map((link) => link.container),
]

/** Resolves when the container runs, or does not for now; what went wrong is logged. */
async function resumePolicy(context: ContainerContext, container: Container): Promise<void> {
  const { state, document } = container
  if (container.running || container.removed || state.startedAt === "0") return
  const policy = document.hostConfig.RestartPolicy.Name
  const wanted =
    state.status === "restarting" ||
    policy === "always" ||
    (state.status === "exited" && policy !== "no" && shouldRestart(container, state.exitCode))
  if (!wanted) return
  // At once, as everything that is to run: containers that share its namespaces wait for it.
  if (state.status === "restarting") return await restartPending(context, container)
  await context.registry
    .locked(container.id, async () => {
      if (container.running || container.removed) return
      await startLocked(context, context.background("restart policy"), container, { restarting: true })
    })
    .catch((error) => {
      context.log.warn("the restart policy could not start a container", {
        container: container.id,
        error: messageOf(error),
      })
    })
}

/**
 * Ends timers and checks of this daemon; containers run on. What is being freed after a container's end is waited for, a
 * while: the rest is swept at the next start.
 */
export async function quiesceContainers(context: ContainerContext): Promise<void> {
  for (const container of context.registry.all()) {
    cancelRestart(container)
    stopHealthChecks(container)
  }
  const over = new AbortController()
  const late = pause(freeingGrace, undefined, { signal: over.signal }).catch(() => {})
  await Promise.race([Promise.all(context.ends), late])
  over.abort()
}
