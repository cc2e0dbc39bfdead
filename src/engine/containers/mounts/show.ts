import { existsSync } from "node:fs"
import { join } from "node:path"
import type { Scope } from "../../../core/scope.ts"
import type { ViewMount } from "../../../core/tasks/contract.ts"
import { ensureDirectory } from "../../../core/tasks/root-view.ts"
import { Turns } from "../../../std/turns.ts"
import type { Container } from "../record/container.ts"
import type { MountsNeeds } from "./contract.ts"
import { type PrepareNeeds, prepareMount } from "./prepare.ts"

/**
 * Mounts into the root of a container that does not run what a run would mount there: volumes, filled as at a start, binds,
 * hostname, hosts and resolv.conf, and its working directory. A tmpfs would be empty and is left out.
 */
export async function showMounts(
  needs: PrepareNeeds & Pick<MountsNeeds, "containersRoot">,
  scope: Scope,
  container: Container,
  root: string,
  show: (view: ViewMount) => void,
): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const { WorkingDir } = container.document.config
  if (WorkingDir) ensureDirectory(root, WorkingDir)
  const views: ViewMount[] = []
  const turns = new Turns()
  for (const mount of container.document.mounts) {
    await turns.pass()
    // A mount outlives its source: all holds end when this returns.
    const holds = { whileMounting: stack, whileMounted: stack }
    const ready = await prepareMount(needs, scope, container, mount, root, holds)
    if (ready.type === "bind") {
      views.push({ source: ready.source, destination: ready.destination, readOnly: ready.readonly })
    }
  }
  const taken = new Set(views.map((view) => view.destination))
  for (const name of ["hostname", "hosts", "resolv.conf"]) {
    const source = join(needs.containersRoot, container.id, name)
    if (!taken.has(`/etc/${name}`) && existsSync(source)) {
      views.push({ source, destination: `/etc/${name}`, readOnly: false })
    }
  }
  const depth = (view: ViewMount) => view.destination.split("/").length
  for (const view of views.sort((one, other) => depth(one) - depth(other))) show(view)
}
