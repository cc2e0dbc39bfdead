import { mkdirSync, statSync } from "node:fs"
import type { Scope } from "../../../core/scope.ts"
import { checkPropagation } from "../../../core/volumes/mounts.ts"
import { Failure } from "../../../errors/failure.ts"
import type { ReadyMount } from "../../../runtime/spec/contract.ts"
import type { Container } from "../record/container.ts"
import type { ResolvedMount } from "../record/document.ts"
import type { MountHolds, MountsNeeds } from "./contract.ts"

/** Collaborators of {@link prepareMount}. */
export type PrepareNeeds = Pick<MountsNeeds, "volumes" | "volumeFilling" | "temporaryMounts" | "events">

/** Prepares the source of a mount: mounts a volume and fills it from the image, creates a missing directory of a bind. */
export async function prepareMount(
  needs: PrepareNeeds,
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
  const whole = await wholeSource(needs, scope, container, mount, holds)
  const source = mount.subpath
    ? holds.whileMounting.use(await needs.temporaryMounts.mountSubpath(whole, mount.subpath)).path
    : whole
  if (mount.type === "volume" && !mount.noCopy) {
    await scope.span.step(
      "fill volume",
      (within) => needs.volumeFilling.fill(root, mount.destination, source, within),
      "engine",
    )
  }
  return ready(source)
}

/** The path of a whole volume or image, without `subpath`. */
async function wholeSource(
  needs: PrepareNeeds,
  scope: Scope,
  container: Container,
  mount: ResolvedMount,
  holds: MountHolds,
): Promise<string> {
  if (mount.type === "image") {
    const tree = await needs.temporaryMounts.mountSnapshot(scope, mount.image!.snapshotKey)
    return holds.whileMounting.use(tree).path
  }
  const hold = await needs.volumes.acquire(scope, mount.source)
  holds.whileMounted.use(hold)
  needs.events.publish({
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

function isFile(source: string): boolean {
  try {
    return !statSync(source).isDirectory()
  } catch {
    return false
  }
}

/** The propagation of a bind; `rprivate` when the one that the engine chose is not possible with the host's mounts. */
function workingPropagation({ source, propagation, propagationChosen }: ResolvedMount): string {
  try {
    checkPropagation(source, propagation)
    return propagation
  } catch (error) {
    if (!propagationChosen) throw error
    return "rprivate"
  }
}

/** Creates the source of a bind. An existing one stays as it is, even a file: mounting decides whether it fits. */
function makeSource(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 })
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    if (code === "EEXIST" || code === "ENOTDIR") return
    throw new Failure("internal", `error while creating mount source path '${path}': ${message}`, error)
  }
}
