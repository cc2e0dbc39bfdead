import { existsSync, readdirSync, renameSync } from "node:fs"
import { rm } from "node:fs/promises"
import { dirname, isAbsolute, join } from "node:path"
import type { CheckpointRequest, CheckpointSummary } from "../../../api/container.ts"
import type { Scope } from "../../../core/scope.ts"
import { Failure, kindOf, messageOf } from "../../../errors/failure.ts"
import type { CheckpointFiles } from "../../../runtime/contract.ts"
import type { ContainerContext } from "../context.ts"
import type { Container } from "../record/container.ts"
import { publish } from "../record/events.ts"
import { runtimeOf } from "../record/runtime.ts"
import { startHealthChecks, stopHealthChecks } from "./health.ts"

/** Every checkpoint that is whole has it: CRIU's own list of what it wrote. */
const inventory = "inventory.img"

/**
 * Writes the processes of a running container to disk. With `Exit` they are killed then, and the container stays down
 * whatever its restart policy says. Resolves when that end has been dealt with.
 * @throws in Docker's words
 */
export async function createCheckpoint(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  request: CheckpointRequest,
): Promise<void> {
  let ended: Promise<unknown> | undefined
  await context.registry.locked(container.id, async () => {
    checkRuns(container)
    const directory = checkpointPath(context, container, request.CheckpointID, request.CheckpointDir)
    try {
      if (existsSync(directory))
        throw new Failure(
          "conflict",
          `checkpoint with name ${request.CheckpointID} already exists for container ${container.name}`,
        )
      await checkAble(context, container)
      // Its end is dealt with under the same lock.
      if (request.Exit) ended = container.nextExit()
      await write(context, scope, container, directory, request.Exit)
    } catch (error) {
      throw new Failure(kindOf(error), `Cannot checkpoint container ${container.name}: ${messageOf(error)}`, error)
    }
  })
  await ended
}

async function write(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  directory: string,
  exit: boolean,
): Promise<void> {
  const { state, id } = container
  const wasStopped = state.manuallyStopped
  // A health check is a process that nobody could bring back.
  stopHealthChecks(container)
  try {
    if (exit) {
      state.manuallyStopped = true
      await context.registry.save(scope, container)
    }
    await context.tasks.checkpoint(scope, id, { directory, work: criuFolder(context, container), leaveRunning: !exit })
  } catch (error) {
    state.manuallyStopped = wasStopped
    await context.registry.save(scope, container)
    startHealthChecks(context, container, true)
    throw error
  }
  if (!exit) startHealthChecks(context, container, true)
  publish(context, container, "checkpoint")
}

/** The checkpoints of a container, or those in `dir`. @throws notFound when that is not there */
export function listCheckpoints(context: ContainerContext, container: Container, dir: string): CheckpointSummary[] {
  const folder = checkpointFolder(context, container, dir)
  if (!existsSync(folder)) {
    if (dir === "") return []
    throw new Failure("notFound", `the checkpoint directory ${dir} does not exist`)
  }
  return readdirSync(folder)
    .filter((name) => isName(name) && existsSync(join(folder, name, inventory)))
    .sort()
    .map((Name) => ({ Name }))
}

/** @throws notFound in Docker's words */
export async function deleteCheckpoint(
  context: ContainerContext,
  container: Container,
  checkpoint: string,
  dir: string,
): Promise<void> {
  await context.registry.locked(container.id, async () => {
    const path = existing(context, container, checkpoint, dir)
    // Gone at once: half a checkpoint is none.
    const going = join(dirname(path), `.${checkpoint}.gone`)
    await rm(going, { recursive: true, force: true })
    renameSync(path, going)
    await rm(going, { recursive: true })
  })
}

/** What a start goes on from. @throws notFound in Docker's words · notImplemented when nothing can be restored here */
export async function checkpointToRestore(
  context: ContainerContext,
  container: Container,
  checkpoint: string,
  dir: string,
): Promise<CheckpointFiles> {
  const image = existing(context, container, checkpoint, dir)
  await checkAble(context, container)
  return { image, work: criuFolder(context, container) }
}

function checkRuns(container: Container): void {
  const { state, id, document } = container
  if (!container.running) throw new Failure("conflict", `container ${id} is not running`)
  if (state.status === "paused")
    throw new Failure("conflict", `container ${id} is paused: unpause it before a checkpoint`)
  if (document.config.Tty) throw new Failure("invalidArgument", "checkpoint not supported on containers with tty")
}

/** @throws notImplemented telling what is missing */
async function checkAble(context: ContainerContext, container: Container): Promise<void> {
  const runtime = runtimeOf(context.runtimes, container)
  if (!runtime.checkpoints)
    throw new Failure(
      "notImplemented",
      `it runs in ${runtime.name}, which cannot make or restore checkpoints; create it with --runtime runc`,
    )
  const fault = await context.host.criu.fault()
  if (fault) throw new Failure("notImplemented", fault)
}

function existing(context: ContainerContext, container: Container, checkpoint: string, dir: string): string {
  const path = checkpointPath(context, container, checkpoint, dir)
  if (existsSync(join(path, inventory))) return path
  throw new Failure("notFound", `checkpoint ${checkpoint} does not exist for container ${container.name}`)
}

function checkpointPath(context: ContainerContext, container: Container, checkpoint: string, dir: string): string {
  if (!isName(checkpoint))
    throw new Failure(
      "invalidArgument",
      `Invalid checkpoint ID (${checkpoint}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    )
  return join(checkpointFolder(context, container, dir), checkpoint)
}

const isName = (checkpoint: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(checkpoint)

function checkpointFolder(context: ContainerContext, container: Container, dir: string): string {
  if (dir === "") return join(context.containersRoot, container.id, "checkpoints")
  if (isAbsolute(dir)) return dir
  throw new Failure("invalidArgument", `the checkpoint directory ${dir} must be an absolute path on the daemon's host`)
}

/** For CRIU's logs: those of the last time are kept. */
const criuFolder = (context: ContainerContext, container: Container): string =>
  join(context.containersRoot, container.id, "criu")
