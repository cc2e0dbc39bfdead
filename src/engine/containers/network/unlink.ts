import type { Scope } from "../../../core/scope.ts"
import { Failure } from "../../../errors/failure.ts"
import type { ContainerNetworksNeeds } from "./contract.ts"
import { linkedPorts } from "./ports.ts"

/** Carries out `ContainerNetworks.unlink`. */
export async function unlinkContainer(
  { registry, networking }: Pick<ContainerNetworksNeeds, "registry" | "networking">,
  scope: Scope,
  path: string,
): Promise<void> {
  const [owner = "", alias, ...more] = path.replace(/^\//, "").split("/")
  if (alias === undefined || more.length > 0)
    throw new Failure("invalidArgument", "Conflict, cannot remove the default link name of the container")
  const container = registry.resolve(owner)
  const { links = [] } = container.document
  const left = links.filter((link) => link.alias !== alias)
  if (left.length === links.length) throw new Failure("notFound", `Cannot get child ${alias} of container ${owner}`)
  await registry.locked(container.id, async () => {
    container.document.links = left
    networking.relink(container.id, linkedPorts(registry, container))
    await registry.save(scope, container)
  })
}
