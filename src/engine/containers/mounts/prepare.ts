import { mkdirSync, statSync } from "node:fs"
import type { Scope } from "../../../core/scope.ts"
import { populateVolume } from "../../../core/tasks/populate.ts"
import { checkPropagation } from "../../../core/volumes/mounts.ts"
import { Failure } from "../../../errors/failure.ts"
import type { ReadyMount } from "../../../runtime/spec/contract.ts"
import type { ContainerContext } from "../context.ts"
import type { Container } from "../record/container.ts"
import type { ResolvedMount } from "../record/document.ts"

export interface MountHolds {
  /** What sources need until they are mounted: descriptors, trees in sight. */
  readonly whileMounting: AsyncDisposableStack
  /** What they need as long as they are mounted: volumes. */
  readonly whileMounted: AsyncDisposableStack
}

/** Finds the source of a mount: volumes mounted and filled from the image, missing directories made. */
export async function prepareMount(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  mount: ResolvedMount,
  root: string,
  holds: MountHolds,
): Promise<ReadyMount> {
  if (mount.type === "tmpfs") {
    return { type: "tmpfs", destination: mount.destination, options: mount.options ?? [] }
  }
  const ready = (source: string, propagation = mount.propagation): ReadyMount => ({
    type: "bind",
    source,
    destination: mount.destination,
    readonly: mount.readOnly,
    ...(isFile(source) ? { file: true } : {}),
    ...(propagation ? { propagation } : {}),
    ...(mount.nonRecursive ? { nonRecursive: true } : {}),
    ...(mount.readOnlyDepth ? { readonlyDepth: mount.readOnlyDepth } : {}),
  })
  if (mount.type === "bind") {
    if (mount.createSource) makeSource(mount.source)
    return ready(mount.source, workingPropagation(mount))
  }
  const whole = await wholeSource(context, scope, container, mount, holds)
  const source = mount.subpath
    ? holds.whileMounting.use(await context.temporaryMounts.mountSubpath(whole, mount.subpath)).path
    : whole
  if (mount.type === "volume" && !mount.noCopy) {
    await scope.span.step("fill volume", (within) => populateVolume(root, mount.destination, source, within), "engine")
  }
  return ready(source)
}

async function wholeSource(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  mount: ResolvedMount,
  holds: MountHolds,
): Promise<string> {
  if (mount.type === "image") {
    const sight = await context.temporaryMounts.mountSnapshot(scope, mount.image!.snapshotKey)
    return holds.whileMounting.use(sight).path
  }
  const hold = await context.volumes.acquire(scope, mount.source)
  holds.whileMounted.use(hold)
  context.events.publish({
    Type: "volume",
    Action: "mount",
    Actor: {
      ID: mount.source,
      Attributes: {
        container: container.id,
        destination: mount.destination,
        driver: hold.driver,
        propagation: mount.propagation,
        "read/write": String(!mount.readOnly),
      },
    },
  })
  return hold.path
}

/** Tells that a run has let go of its volumes. */
export function tellUnmounts(context: ContainerContext, container: Container): void {
  for (const mount of container.document.mounts) {
    if (mount.type !== "volume") continue
    context.events.publish({
      Type: "volume",
      Action: "unmount",
      Actor: { ID: mount.source, Attributes: { container: container.id, driver: "local" } },
    })
  }
}

function isFile(source: string): boolean {
  try {
    return !statSync(source).isDirectory()
  } catch {
    return false
  }
}

/** The propagation of a bind. What was not asked for is done without where the host's mounts do not allow it. */
function workingPropagation({ source, propagation, propagationChosen }: ResolvedMount): string {
  try {
    checkPropagation(source, propagation)
    return propagation
  } catch (error) {
    if (!propagationChosen) throw error
    return "rprivate"
  }
}

/** A source that exists already is left as it is, a file too: mounting decides whether it fits. */
function makeSource(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 })
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    if (code === "EEXIST" || code === "ENOTDIR") return
    throw new Failure("internal", `error while creating mount source path '${path}': ${message}`, error)
  }
}
