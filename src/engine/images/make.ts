import { nameImage } from "../../core/images/name-image.ts"
import type { Scope } from "../../core/scope.ts"
import { setParent } from "../../core/transfer/parents.ts"
import { Failure } from "../../errors/failure.ts"
import type { Descriptor } from "../../oci/descriptor.ts"
import type { Digest } from "../../oci/digest.ts"
import type { ImageConfig, ImageRunConfig } from "../../oci/image.ts"
import { hostPlatform, parsePlatform } from "../../oci/platform.ts"
import { familiar, formatReference, type Reference } from "../../oci/reference.ts"
import { formatNanos, nowNanos } from "../../std/clock.ts"
import { joinRunConfigs } from "../containers/request/merge.ts"
import { applyChanges } from "./changes.ts"
import { type ImageContext, publishImage } from "./context.ts"
import type { ImportOptions } from "./contract.ts"
import type { CommitRequest } from "./for-containers.ts"
import { newName } from "./names.ts"

/** Names an image that was just made, and tells it. */
async function nameNew(
  context: ImageContext,
  scope: Scope,
  target: Descriptor,
  name: Reference | undefined,
): Promise<void> {
  await nameImage(scope, context.images, name && formatReference(name), target)
  if (!name) return
  const { image } = await context.catalog.find(scope, formatReference(name))
  publishImage(context, "tag", image, familiar(name))
}

/** `docker import`: a tree becomes an image of one layer. @throws invalidArgument */
export async function importImage(
  context: ImageContext,
  scope: Scope,
  tar: AsyncIterable<Uint8Array>,
  options: Omit<ImportOptions, "source">,
): Promise<Digest> {
  const name = options.repository ? newName(options.repository, options.tag) : undefined
  const platform = options.platform ? parsePlatform(options.platform) : hostPlatform()
  if (platform.os !== "linux") throw new Failure("invalidArgument", "operating system is not supported")
  const run = applyChanges({}, options.changes)
  const config: Omit<ImageConfig, "rootfs" | "history"> = {
    ...platform,
    created: formatNanos(nowNanos()),
    config: run,
  }
  return await context.leases.within(scope, async (held) => {
    const { target, id } = await context.transfer.importTree(held, tar, {
      config,
      ...(options.message ? { comment: options.message } : {}),
    })
    await nameNew(context, held, target, name)
    const image = await context.catalog.byId(held, id)
    if (image) publishImage(context, "import", image, id)
    return id
  })
}

/** `docker commit`: what a container changed becomes a layer on its image. */
export async function commitImage(
  context: ImageContext,
  scope: Scope,
  options: CommitRequest,
): Promise<{ readonly id: string; readonly reference?: string }> {
  const name = options.repository ? newName(options.repository, options.tag) : undefined
  const base = options.baseImageId === "" ? undefined : (await context.catalog.find(scope, options.baseImageId)).image
  const run = applyChanges(options.config.config ?? {}, options.changes)
  const config = { ...options.config, config: { ...run, ...given(joinRunConfigs(run, options.below)) } }
  return await context.leases.within(scope, async (held) => {
    const { target, id } = await context.transfer.commit(held, options.snapshotKey, base?.resolved, {
      config,
      createdBy: options.createdBy,
      ...(options.comment ? { comment: options.comment } : {}),
    })
    if (base) await setParent(held, context.content, id, base.id)
    await nameNew(context, held, target, name)
    return { id, ...(name ? { reference: familiar(name) } : {}) }
  })
}

/** Without what says nothing. */
function given(run: ReturnType<typeof joinRunConfigs>): ImageRunConfig {
  const { User, Volumes, WorkingDir, Labels, Healthcheck, ...rest } = run
  return {
    ...rest,
    ...(User ? { User } : {}),
    ...(Volumes ? { Volumes } : {}),
    ...(WorkingDir ? { WorkingDir } : {}),
    ...(Healthcheck ? { Healthcheck: Healthcheck as NonNullable<ImageRunConfig["Healthcheck"]> } : {}),
    Labels: Labels ?? {},
  }
}
