import type { ContainersPruneResponse } from "../../../api/container.ts"
import { type Filters, labelsMatch, untilOf } from "../../../api/filters.ts"
import type { Scope } from "../../../core/scope.ts"
import { Failure, isKind } from "../../../errors/failure.ts"
import type { ContainerContext } from "../context.ts"
import type { Container } from "../record/container.ts"
import { publish } from "../record/events.ts"
import { LayerStackSizes } from "../views/layer-stack-sizes.ts"
import type { RemoveOptions } from "./contract.ts"
import { removeRecord } from "./exit.ts"
import { killProcess } from "./stop.ts"

const removing = new WeakSet<Container>()

/**
 * `docker rm`.
 * @param ref what the client calls the container
 * @throws conflict in Docker's words when it runs and `force` is not given
 */
export async function removeContainer(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  ref: string,
  options: RemoveOptions,
): Promise<void> {
  if (removing.has(container) || container.removed) {
    throw new Failure("conflict", `removal of container ${ref} is already in progress`)
  }
  if (!options.force) refuseRunning(container)
  removing.add(container)
  container.stopping++
  const removed = () =>
    context.registry.locked(container.id, async () => {
      if (container.removed) return true
      if (!options.force) refuseRunning(container)
      // A start was under way.
      if (container.running) return false
      await removeRecord(context, scope, container, options.volumes || container.document.hostConfig.AutoRemove)
      await context.tasks.close(scope, container.id)
      return true
    })
  try {
    do if (container.running) await killForRemoval(context, scope, container)
    while (!(await removed()))
  } finally {
    container.stopping--
    removing.delete(container)
  }
}

/** @throws conflict in Docker's words */
function refuseRunning(container: Container): void {
  const { status } = container.state
  if (!container.running && status !== "restarting") return
  const state = status === "paused" ? "paused" : status === "restarting" ? "restarting" : "running"
  const advice =
    status === "paused" ? " and must be unpaused first" : ": stop the container before removing or force remove"
  throw new Failure("conflict", `cannot remove container "/${container.name}": container is ${state}${advice}`)
}

async function killForRemoval(context: ContainerContext, scope: Scope, container: Container): Promise<void> {
  const ended = container.nextExit()
  publish(context, container, "kill", { signal: "9" })
  try {
    await killProcess(context, scope, container)
  } catch (error) {
    if (!isKind(error, "notFound")) throw error
  }
  await ended
  // Docker's order: the streams of the run end, then the removal is answered.
  await Promise.all([container.attached.drained(), container.followers.drained()])
}

/** `docker container prune`. */
export async function pruneContainers(
  context: ContainerContext,
  scope: Scope,
  filters: Filters,
): Promise<ContainersPruneResponse> {
  const until = untilOf(filters)
  const deleted: string[] = []
  let reclaimed = 0
  const sizes = new LayerStackSizes(context.snapshots, scope)
  for (const container of context.registry.all()) {
    if (scope.signal?.aborted) break
    if (container.running || container.state.status === "restarting" || container.removed) continue
    if (!labelsMatch(filters, container.document.config.Labels)) continue
    if (until !== undefined && container.createdAt >= until) continue
    const { SizeRw } = await sizes.of(container)
    try {
      await removeContainer(context, scope, container, container.id, { force: false, volumes: false, link: false })
    } catch (error) {
      if (isKind(error, "conflict")) continue
      throw error
    }
    deleted.push(container.id)
    reclaimed += SizeRw
  }
  context.events.publish({
    Type: "container",
    Action: "prune",
    Actor: { ID: "", Attributes: { reclaimed: String(reclaimed) } },
  })
  return { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed }
}
