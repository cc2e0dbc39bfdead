import type { CommitResponse } from "../../../api/container.ts"
import type { Scope } from "../../../core/scope.ts"
import { isKind } from "../../../errors/failure.ts"
import type { ImageRunConfig } from "../../../oci/image.ts"
import { hostPlatform } from "../../../oci/platform.ts"
import { formatNanos, nowNanos } from "../../../std/clock.ts"
import type { Container } from "../record/container.ts"
import { publish } from "../record/events.ts"
import type { CommitOptions, ContainerFilesNeeds } from "./contract.ts"

/** Carries out `ContainerFiles.commit`. */
export async function commitContainer(
  needs: Pick<ContainerFilesNeeds, "registry" | "tasks" | "images" | "events">,
  scope: Scope,
  container: Container,
  options: CommitOptions,
): Promise<CommitResponse> {
  const { document, id } = container
  return await needs.registry.locked(id, async () => {
    const paused =
      options.pause && container.state.status === "running" && (await unlessEnded(() => needs.tasks.pause(scope, id)))
    try {
      const committed = await needs.images.commit(scope, {
        snapshotKey: id,
        baseImageId: document.imageId,
        config: {
          ...hostPlatform(),
          created: formatNanos(nowNanos()),
          ...(options.author ? { author: options.author } : {}),
          config: runConfig(options.config ?? document.config),
        },
        below: runConfig(document.config),
        changes: options.changes,
        createdBy: [document.path, ...document.args].join(" "),
        ...(options.comment ? { comment: options.comment } : {}),
        ...(options.repository ? { repository: options.repository } : {}),
        ...(options.tag ? { tag: options.tag } : {}),
      })
      publish(needs, container, "commit", {
        comment: options.comment ?? "",
        imageID: committed.id,
        imageRef: committed.reference ?? "",
      })
      return { Id: committed.id }
    } finally {
      if (paused) await unlessEnded(() => needs.tasks.resume(scope, id))
    }
  })
}

/** @returns false when the container has ended in the meantime: nothing changes it any more */
async function unlessEnded(work: () => Promise<void>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    if (isKind(error, "conflict") || isKind(error, "notFound")) return false
    throw error
  }
}

/** The part of a container's configuration that an image keeps. */
function runConfig(config: CommitOptions["config"] & object): ImageRunConfig {
  const {
    User,
    ExposedPorts,
    Env,
    Entrypoint,
    Cmd,
    Volumes,
    WorkingDir,
    Labels,
    StopSignal,
    Healthcheck,
    OnBuild,
    Shell,
  } = config
  return {
    ...(User ? { User } : {}),
    ...(ExposedPorts ? { ExposedPorts } : {}),
    Env: Env ?? [],
    Entrypoint: Entrypoint ?? null,
    Cmd: Cmd ?? null,
    ...(Volumes ? { Volumes } : {}),
    ...(WorkingDir ? { WorkingDir } : {}),
    Labels: Labels ?? {},
    ...(StopSignal ? { StopSignal } : {}),
    ...(Healthcheck ? { Healthcheck: Healthcheck as NonNullable<ImageRunConfig["Healthcheck"]> } : {}),
    OnBuild: OnBuild ?? null,
    ...(Shell ? { Shell } : {}),
  }
}
