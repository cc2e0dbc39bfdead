import type { Scope } from "../../../core/scope.ts"
import { isKind } from "../../../errors/failure.ts"
import { newId } from "../../../std/id.ts"
import type { ContainerContext } from "../context.ts"
import type { ResolvedMount } from "../record/document.ts"

const infix = ".image."

/** An image mount with the image's tree as a snapshot of its own, which lives as long as the container. */
export async function withImage(
  { images, snapshots }: ContainerContext,
  scope: Scope,
  containerId: string,
  mount: ResolvedMount,
): Promise<ResolvedMount> {
  const { resolved } = await images.forContainer(scope, mount.source)
  const snapshotKey = `${containerId}${infix}${newId().slice(0, 12)}`
  await snapshots.view(scope, snapshotKey, resolved.chainID, { "containerd.io/gc.root": new Date().toISOString() })
  return { ...mount, image: { id: resolved.id, snapshotKey } }
}

/** Removes the snapshots of a container's image mounts. */
export async function dropImageMounts(
  { snapshots }: ContainerContext,
  scope: Scope,
  mounts: readonly ResolvedMount[],
): Promise<void> {
  for (const { image } of mounts) if (image) await snapshots.remove(scope, image.snapshotKey).catch(ignoreMissing)
}

/** Removes snapshots of image mounts whose container does not exist: a crash cut off its creation or removal. */
export async function sweepImageMounts({ snapshots, registry, background }: ContainerContext): Promise<void> {
  const scope = background("recover")
  for (const { name } of await snapshots.list(scope)) {
    const at = name.indexOf(infix)
    if (at < 0 || registry.get(name.slice(0, at))) continue
    await snapshots.remove(scope, name).catch(ignoreMissing)
  }
}

function ignoreMissing(error: unknown): void {
  if (!isKind(error, "notFound")) throw error
}
