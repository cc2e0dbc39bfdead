import type { Scope } from "../../../core/scope.ts"
import { isKind } from "../../../errors/failure.ts"
import { newId } from "../../../std/id.ts"
import type { ResolvedMount } from "../record/document.ts"
import type { MountsNeeds } from "./contract.ts"

const infix = ".image."

/** Completes an image mount with a snapshot of the image's tree, which lives as long as the container. */
export async function withImage(
  { images, snapshots }: Pick<MountsNeeds, "images" | "snapshots">,
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
export async function removeImageSnapshots(
  { snapshots }: Pick<MountsNeeds, "snapshots">,
  scope: Scope,
  mounts: readonly ResolvedMount[],
): Promise<void> {
  for (const { image } of mounts) if (image) await snapshots.remove(scope, image.snapshotKey).catch(ignoreMissing)
}

/** Removes snapshots of image mounts whose container does not exist. */
export async function sweepImageSnapshots(
  { snapshots, registry }: Pick<MountsNeeds, "snapshots" | "registry">,
  scope: Scope,
): Promise<void> {
  for (const { name } of await snapshots.list(scope)) {
    const at = name.indexOf(infix)
    if (at < 0 || registry.get(name.slice(0, at))) continue
    await snapshots.remove(scope, name).catch(ignoreMissing)
  }
}

function ignoreMissing(error: unknown): void {
  if (!isKind(error, "notFound")) throw error
}
