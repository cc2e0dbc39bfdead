import { rm } from "node:fs/promises"
import { join } from "node:path"
import type { Scope } from "../../../core/scope.ts"
import { messageOf } from "../../../errors/failure.ts"
import type { ExitRecord } from "../../../shim/contract.ts"
import { endExecs } from "../../exec/records.ts"
import type { ContainerContext } from "../context.ts"
import { type Container, recordExit } from "../record/container.ts"
import { publish } from "../record/events.ts"
import { stopHealthChecks } from "./health.ts"
import { startLocked } from "./start.ts"

/**
 * The end of a run: state to disk, events, who waits, then what nobody waits for. Decides with the restart policy what
 * comes next.
 */
export async function handleExit(context: ContainerContext, id: string, exit: ExitRecord): Promise<void> {
  const container = context.registry.get(id)
  const scope = context.background("exit")
  if (!container) {
    await context.tasks.delete(scope, id)
    return
  }
  let left = false
  let networksLeft: Promise<void> | undefined
  await context.registry.locked(id, async () => {
    if (container.removed) return
    left = container.restarting > 0
    container.taskLeft = left
    stopHealthChecks(container)
    container.killed = false
    const { state } = container
    const wasPaused = state.status === "paused"
    const ran = BigInt(exit.at) - BigInt(state.startedAt)
    recordExit(state, exit)
    container.attached.endRun()
    container.followers.endRun()
    if (wasPaused) publish(context, container, "unpause")
    if (exit.oomKilled) publish(context, container, "oom")
    networksLeft = context.containerNetworks.leave(container)
    context.mounts.publishUnmounts(container)
    const again = shouldRestart(container, exit.code ?? 255)
    if (again) {
      state.restartCount++
      state.status = "restarting"
    }
    await saveOrWarn(context, scope, container, "saveDurably")
    publish(context, container, "die", {
      execDuration: (ran > 0n ? ran / 1_000_000_000n : 0n).toString(),
      exitCode: String(state.exitCode),
    })
    endExecs(context, container)
    if (container.document.hostConfig.AutoRemove && !again && container.restarting === 0) {
      await removeEnded(context, scope, container)
    } else container.notifyExit()
    if (again && !container.removed) scheduleRestart(context, container, ran)
  })
  // After the answer: a start that comes meanwhile waits in the task service's own line.
  if (!left) await freeTask(context, scope, container)
  await networksLeft
}

/**
 * Records a container's state; a failure (a full, read-only or broken disk) only goes to the log. For changes that have
 * happened whether they are recorded or not: the daemon's next start finds them out from the shim.
 */
export async function saveOrWarn(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  how: "save" | "saveDurably" = "save",
): Promise<void> {
  await context.registry[how](scope, container).catch((error) => {
    context.log.error("recording the state of a container failed", {
      container: container.id,
      state: container.state.status,
      error: messageOf(error),
    })
  })
}

/** `--rm`. Who waits for the removal is told also when it fails: the container is still there then. */
async function removeEnded(context: ContainerContext, scope: Scope, container: Container): Promise<void> {
  const { id } = container
  try {
    context.registry.removedExits.remember(container)
    await removeRecord(context, scope, container, true)
  } catch (error) {
    context.log.error("removing a container after its end failed", { container: id, error: messageOf(error) })
    container.notifyRemoval(messageOf(error))
  }
}

/** Frees what the task held; what fails is said in the log and swept at the daemon's next start. */
export async function freeTask(context: ContainerContext, scope: Scope, container: Container): Promise<void> {
  await freeRun(context, scope, container, () => context.tasks.delete(scope, container.id))
}

/** As {@link freeTask} before a start: a task that `restart` has left stays, for the start to take over. */
export async function freeForStart(context: ContainerContext, scope: Scope, container: Container): Promise<void> {
  const { taskLeft } = container
  container.taskLeft = false
  if (taskLeft) await freeRun(context, scope, container, async () => {})
  else await freeTask(context, scope, container)
}

/** Frees the task that `restart` has left when no start came to take it over. */
export async function freeLeftTask(context: ContainerContext, scope: Scope, container: Container): Promise<void> {
  if (!container.taskLeft) return
  container.taskLeft = false
  await freeTask(context, scope, container)
}

async function freeRun(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  deleteTask: () => Promise<void>,
): Promise<void> {
  const { PidMode } = container.document.hostConfig
  // Taken at once: by the time the task is gone, the next run may hold its own.
  const holds = container.mountHolds
  container.mountHolds = undefined
  // Without a PID namespace of its own, what the container left running would live on and hold its output open.
  if (PidMode !== "") await context.tasks.kill(scope, container.id, 9, { all: true }).catch(() => {})
  await context.tasks.drained(scope, container.id).catch(() => {})
  const tell = (error: unknown) =>
    context.log.warn("cleaning up a container's run failed", { container: container.id, error: messageOf(error) })
  await deleteTask().catch(tell)
  await holds?.disposeAsync().catch(tell)
}

/** Gives back what a run that came to nothing held of its mounts. */
export async function releaseMounts(context: ContainerContext, container: Container): Promise<void> {
  const holds = container.mountHolds
  container.mountHolds = undefined
  await holds?.disposeAsync().catch((error) => {
    context.log.warn("unmounting a container's volumes failed", { container: container.id, error: messageOf(error) })
  })
}

/** Docker's rule: what the policy says, unless the end was asked for. */
export function shouldRestart(container: Container, exitCode: number): boolean {
  if (container.stopping > 0 || container.state.manuallyStopped) return false
  const policy = container.document.hostConfig.RestartPolicy
  switch (policy.Name) {
    case "always":
    case "unless-stopped":
      return true
    case "on-failure":
      return (
        exitCode !== 0 && (policy.MaximumRetryCount === 0 || container.state.restartCount < policy.MaximumRetryCount)
      )
    default:
      return false
  }
}

/** Starts the container again after its back-off: 100 ms, doubled up to a minute, from the beginning after ten good seconds. */
export function scheduleRestart(context: ContainerContext, container: Container, ranNanos: bigint): void {
  if (ranNanos >= 10_000_000_000n) container.restartDelay = 100
  const delay = container.restartDelay
  container.restartDelay = Math.min(delay * 2, 60_000)
  container.restartTimer = setTimeout(() => void restartPending(context, container), delay)
}

/** Carries out the restart that a container waits for. One that fails is logged, and tried again after the next back-off. */
export async function restartPending(context: ContainerContext, container: Container): Promise<void> {
  cancelRestart(container)
  await context.registry.locked(container.id, async () => {
    if (container.removed || container.state.status !== "restarting") return
    try {
      await startLocked(context, context.background("restart policy"), container, { restarting: true })
    } catch (error) {
      context.log.warn("the restart policy could not start a container", {
        container: container.id,
        error: messageOf(error),
      })
      if (shouldRestart(container, 128) && !container.removed) {
        container.state.status = "restarting"
        container.state.restartCount++
        scheduleRestart(context, container, 0n)
        await saveOrWarn(context, context.background("restart policy"), container)
      }
    }
  })
}

/** Takes a pending restart back. */
export function cancelRestart(container: Container): void {
  clearTimeout(container.restartTimer)
  container.restartTimer = undefined
}

/**
 * Removes record, name and files of a container that does not run, and its anonymous volumes when asked. Whoever waits
 * for the removal is told as soon as the record is gone.
 */
export async function removeRecord(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  withVolumes: boolean,
): Promise<void> {
  container.removed = true
  cancelRestart(container)
  stopHealthChecks(container)
  endExecs(context, container)
  try {
    await context.registry.remove(scope, container)
  } catch (error) {
    container.removed = false
    throw error
  }
  container.notifyRemoval()
  publish(context, container, "destroy")
  await context.mounts.removeImageSnapshots(scope, container.document.mounts)
  if (withVolumes) await context.mounts.removeAnonymousVolumes(scope, container.document.mounts)
  const folder = join(context.containersRoot, container.id)
  const removeFolder = async () => {
    try {
      await rm(folder, { recursive: true, force: true })
    } catch (error) {
      context.log.warn("removing a container's folder failed; the daemon's next start removes it", {
        container: container.id,
        error: messageOf(error),
      })
    }
  }
  const lastLines = context.logForwarding.finish(container.id)
  if (lastLines) void lastLines.then(removeFolder)
  else await removeFolder()
}
