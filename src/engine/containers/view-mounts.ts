import { existsSync } from "node:fs"
import { join } from "node:path"
import type { ViewMount } from "../../core/tasks/contract.ts"
import { populateVolume } from "../../core/tasks/populate.ts"
import type { Container } from "./container.ts"
import type { ContainerContext } from "./context.ts"

/**
 * What is to be seen in the files of a container that does not run, as if it did: volumes, filled as at a start, binds
 * and its own files of names and addresses. A tmpfs is empty by then: it is left out.
 */
export async function viewMounts(
  context: ContainerContext,
  container: Container,
  root: string,
): Promise<readonly ViewMount[]> {
  const scope = context.background("files")
  const views: ViewMount[] = []
  for (const mount of container.document.mounts) {
    if (mount.type === "tmpfs") continue
    let source = mount.source
    if (mount.type === "volume") {
      const volume = await context.volumes.inspect(scope, mount.source)
      source = join(volume.Mountpoint, mount.subpath ?? "")
      if (!mount.noCopy && !mount.subpath) {
        await scope.span.step("fill volume", (within) =>
          populateVolume(root, mount.destination, volume.Mountpoint, within),
        )
      }
    }
    views.push({ source, destination: mount.destination, readOnly: mount.readOnly })
  }
  const taken = new Set(views.map((view) => view.destination))
  for (const name of ["hostname", "hosts", "resolv.conf"]) {
    const source = join(context.containersRoot, container.id, name)
    if (!taken.has(`/etc/${name}`) && existsSync(source)) {
      views.push({ source, destination: `/etc/${name}`, readOnly: false })
    }
  }
  const depth = (view: ViewMount) => view.destination.split("/").length
  return views.sort((one, other) => depth(one) - depth(other))
}
