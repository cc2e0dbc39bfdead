import type { LogDestination } from "../../../core/logging/contract.ts"
import { exhausted, fullDiskAdvice } from "../../../core/metadata/full-disk.ts"
import type { Scope } from "../../../core/scope.ts"
import { Failure, kindOf, messageOf } from "../../../errors/failure.ts"
import { nowNanos } from "../../../std/clock.ts"
import { forgetExecs } from "../../exec/records.ts"
import { step } from "../../traces/step.ts"
import type { ContainerContext } from "../context.ts"
import type { Container } from "../record/container.ts"
import { publish } from "../record/events.ts"
import { checkpointToRestore } from "./checkpoints.ts"
import { cancelRestart, freeForStart, releaseMounts, removeRecord } from "./exit.ts"
import { startHealthChecks } from "./health.ts"
import { containerSpec } from "./spec.ts"

/** The checkpoint that a container goes on from, and the directory it lies in; the container's own when empty. */
export interface StartFrom {
  readonly name: string
  readonly dir: string
}

/** Starts a container. The caller holds its lock. Undoes everything when it fails. */
export async function startLocked(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  options: { readonly restarting?: boolean; readonly checkpoint?: StartFrom },
): Promise<void> {
  const { state, document, id } = container
  if (container.removed || state.status === "removing" || state.status === "dead") {
    throw new Failure("conflict", "container is marked for removal and cannot be started")
  }
  if (state.status === "paused") throw new Failure("conflict", "cannot start a paused container, try unpause instead")
  if (container.running) throw new Failure("notModified", `container ${id} is already running`)
  const from = options.checkpoint
  const checkpoint = from && (await checkpointToRestore(context, container, from.name, from.dir))
  cancelRestart(container)
  if (!options.restarting) {
    container.restartDelay = 100
    state.restartCount = 0
  }
  state.manuallyStopped = false
  container.killed = false
  state.error = ""
  forgetExecs(context, container)
  const began = nowNanos()
  let destination: LogDestination | undefined
  try {
    await freeForStart(context, scope, container)
    await using whileMounting = new AsyncDisposableStack()
    const whileMounted = new AsyncDisposableStack()
    container.mountHolds = whileMounted
    destination = await context.logForwarding.open(container)
    await step(scope, "network", (span) => context.containerNetworks.connect(container, span))
    const task = await step(scope, "task", (span) =>
      context.tasks.run(
        { ...scope, span },
        {
          owner: "engine",
          containerId: id,
          spec: (root, within) => containerSpec(context, container, root, within, { whileMounting, whileMounted }),
          snapshotKey: id,
          ephemeral: document.hostConfig.AutoRemove,
          ...(document.hostConfig.Runtime ? { runtime: document.hostConfig.Runtime } : {}),
          ...(document.hostConfig.CgroupParent ? { cgroupParent: document.hostConfig.CgroupParent } : {}),
          io: context.stdio.io(container),
          log: context.stdio.log(container),
          ...(checkpoint ? { checkpoint } : {}),
        },
      ),
    )
    state.status = "running"
    state.pid = task.pid
    state.startedAt = task.startedAt.toString()
    state.exitCode = 0
    state.oomKilled = false
    if (destination) await context.logForwarding.begin(container, destination)
  } catch (cause) {
    const error = startFailure(cause, context.dataRoot)
    await destination?.close().catch(() => {})
    await failedStart(context, scope, container, began, error)
    throw error
  }
  context.containerNetworks.updateLinkedHosts(container)
  context.traces.keep(id, scope.span)
  startHealthChecks(context, container)
  // It runs, whatever the disk has room for; a daemon that starts anew finds that out for itself.
  await context.registry.save(scope, container).catch((error) => {
    context.log.error("recording a start failed", { container: id, error: messageOf(error) })
  })
  publish(context, container, "start")
}

async function failedStart(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  began: bigint,
  error: unknown,
): Promise<void> {
  const { state } = container
  state.exitCode = startExitCode(messageOf(error))
  state.error = messageOf(error)
  const waitedFor = state.status === "restarting"
  if (waitedFor) state.status = "exited"
  if (state.startedAt === "0" && state.status === "exited") state.startedAt = began.toString()
  await context.containerNetworks.leave(container)
  await releaseMounts(context, container)
  await context.tasks.delete(scope, container.id).catch((error) => {
    context.log.warn("freeing what the run before held failed", { container: container.id, error: messageOf(error) })
  })
  if (container.document.hostConfig.AutoRemove) await removeRecord(context, scope, container, true)
  else {
    await context.registry.save(scope, container).catch(() => {})
    // Who waits for the end of a run has not seen one begin; the failure is told to who has asked for the start.
    if (waitedFor) container.notifyExit()
  }
}

/** 127 for what was not found or is of another kind, 126 for what may not be run, 128 for everything else, as Docker records it. */
function startExitCode(message: string): number {
  if (!message.includes("failed to create task")) return 128
  if (/permission denied|is a directory/i.test(message)) return 126
  return /executable file not found|no such file or directory|not a directory/i.test(message) ? 127 : 128
}

/**
 * A program that cannot be run, or a mount that cannot be made, is the request's fault: 400 instead of 500. On a full disk
 * runtimes tell of files that they could not make as of files that are not there.
 */
function startFailure(error: unknown, dataRoot: string): unknown {
  const message = messageOf(error)
  // It names its place: a quota, a volume's own disk, the run root.
  if (error instanceof Failure && error.kind === "noSpace") return error
  if (exhausted(dataRoot) && !message.includes("executable file not found")) {
    return new Failure("noSpace", fullDiskAdvice(dataRoot, "the container was not started"), error)
  }
  if (kindOf(error) === "noSpace") return error
  if (startExitCode(message) === 128) return error
  const advice = /not a directory/i.test(message)
    ? ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type"
    : ""
  return new Failure("invalidArgument", message + advice, error)
}
