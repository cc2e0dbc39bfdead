import type { Scope } from "../../../core/scope.ts"
import type { ViewMount } from "../../../core/tasks/contract.ts"
import { isKind, messageOf } from "../../../errors/failure.ts"
import type { ReadyMount } from "../../../runtime/spec/contract.ts"
import { Turns } from "../../../std/turns.ts"
import type { Container } from "../record/container.ts"
import type { ResolvedMount } from "../record/document.ts"
import type { MountHolds, Mounts, MountsNeeds, MountsRequest } from "./contract.ts"
import { removeImageSnapshots, sweepImageSnapshots } from "./image-mounts.ts"
import { prepareMount } from "./prepare.ts"
import { resolveMounts } from "./resolve.ts"
import { showMounts } from "./show.ts"

/** The mounts of containers: each call is carried out by a file of its own. */
export class ContainerMounts implements Mounts {
  readonly #needs: MountsNeeds

  constructor(needs: MountsNeeds) {
    this.#needs = needs
  }

  resolve(scope: Scope, containerId: string, request: MountsRequest): Promise<readonly ResolvedMount[]> {
    return resolveMounts(this.#needs, scope, containerId, request)
  }

  async prepare(scope: Scope, container: Container, root: string, holds: MountHolds): Promise<readonly ReadyMount[]> {
    const mounts: ReadyMount[] = []
    const turns = new Turns()
    for (const mount of container.document.mounts) {
      mounts.push(await prepareMount(this.#needs, scope, container, mount, root, holds))
      await turns.pass()
    }
    return mounts
  }

  async holdVolumes(scope: Scope, container: Container, holds: AsyncDisposableStack): Promise<void> {
    for (const mount of container.document.mounts) {
      if (mount.type !== "volume") continue
      try {
        holds.use(await this.#needs.volumes.acquire(scope, mount.source))
      } catch (error) {
        this.#needs.log.warn("the volume of a running container cannot be held", {
          container: container.id,
          volume: mount.source,
          error: messageOf(error),
        })
      }
    }
  }

  showIn(scope: Scope, container: Container, root: string, show: (view: ViewMount) => void): Promise<void> {
    return showMounts(this.#needs, scope, container, root, show)
  }

  publishUnmounts(container: Container): void {
    for (const mount of container.document.mounts) {
      if (mount.type !== "volume") continue
      this.#needs.events.publish({
        Type: "volume",
        Action: "unmount",
        Actor: { ID: mount.source, Attributes: { container: container.id, driver: "local" } },
      })
    }
  }

  removeImageSnapshots(scope: Scope, mounts: readonly ResolvedMount[]): Promise<void> {
    return removeImageSnapshots(this.#needs, scope, mounts)
  }

  async removeAnonymousVolumes(scope: Scope, mounts: readonly ResolvedMount[]): Promise<void> {
    for (const mount of mounts) {
      if (!mount.anonymous) continue
      await this.#needs.volumes.remove(scope, mount.source, { force: true }).catch((error) => {
        // Another container uses it by --volumes-from; the removal of that container removes it.
        if (isKind(error, "conflict")) return
        this.#needs.log.warn("removing an anonymous volume failed", { volume: mount.source, error: messageOf(error) })
      })
    }
  }

  sweepImageSnapshots(scope: Scope): Promise<void> {
    return sweepImageSnapshots(this.#needs, scope)
  }
}
