import { existsSync } from "node:fs"
import { join } from "node:path"
import type { ViewMount } from "../../../core/tasks/contract.ts"
import { ensureDirectory } from "../../../core/tasks/root-view.ts"
import type { ContainerContext } from "../context.ts"
import type { Container } from "../record/container.ts"
import { prepareMount } from "./prepare.ts"

/**
 * Mounts into the root of a container that does not run what would be there if it did: volumes, filled as at a start, binds,
 * its own files of names and addresses, and its working directory. A tmpfs is empty by then: it is left out.
 */
export async function mountView(
  context: ContainerContext,
  container: Container,
  root: string,
  show: (view: ViewMount) => void,
): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const { WorkingDir } = container.document.config
  if (WorkingDir) ensureDirectory(root, WorkingDir)
  const scope = context.background("files")
  const views: ViewMount[] = []
  for (const mount of container.document.mounts) {
    // A mount keeps what it shows: nothing needs to be held once it is made.
    const holds = { whileMounting: stack, whileMounted: stack }
    const ready = await prepareMount(context, scope, container, mount, root, holds)
    if (ready.type === "bind") {
      views.push({ source: ready.source, destination: ready.destination, readOnly: ready.readonly })
    }
  }
  const taken = new Set(views.map((view) => view.destination))
  for (const name of ["hostname", "hosts", "resolv.conf"]) {
    const source = join(context.containersRoot, container.id, name)
    if (!taken.has(`/etc/${name}`) && existsSync(source)) {
      views.push({ source, destination: `/etc/${name}`, readOnly: false })
    }
  }
  const depth = (view: ViewMount) => view.destination.split("/").length
  for (const view of views.sort((one, other) => depth(one) - depth(other))) show(view)
}
