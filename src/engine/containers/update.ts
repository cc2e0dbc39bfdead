import type { UpdateResponse } from "../../api/container.ts"
import type { HostConfig, UpdateRequest } from "../../api/container-config.ts"
import type { Scope } from "../../core/scope.ts"
import { Failure, messageOf } from "../../errors/failure.ts"
import type { Container } from "./container.ts"
import { type ContainerContext, publish } from "./context.ts"
import { limitsOf } from "./spec-resources.ts"
import { validateRestartPolicy } from "./validate.ts"
import { validateResources } from "./validate-resources.ts"

/** `docker update`: limits at once when it runs, and for later starts. Nothing changes when a limit is refused. */
export async function updateContainer(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  request: UpdateRequest,
): Promise<UpdateResponse> {
  if (container.removed) throw new Failure("conflict", `cannot update container ${container.id}: it is being removed`)
  const { document } = container
  const before = document.hostConfig
  const policy = request.RestartPolicy
  if (policy.Name && before.AutoRemove && policy.Name !== "no") {
    throw new Failure(
      "invalidArgument",
      "Restart policy cannot be updated because AutoRemove is enabled for the container",
    )
  }
  const changed: HostConfig = {
    ...before,
    ...given(request),
    ...(policy.Name ? { RestartPolicy: policy } : {}),
  }
  if (
    Number(request.Memory) > 0 &&
    Number(request.MemorySwap) === 0 &&
    Number(before.MemorySwap) > 0 &&
    Number(request.Memory) > Number(before.MemorySwap)
  ) {
    throw new Failure(
      "conflict",
      `Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time`,
    )
  }
  const { resources: after, warnings } = validateResources(changed, context.host.facts, true)
  if (policy.Name) validateRestartPolicy(policy)
  if (container.running) {
    try {
      await context.tasks.update(scope, container.id, limitsOf(after))
    } catch (error) {
      throw new Failure("internal", `Cannot update container ${container.id}: ${messageOf(error)}`, error)
    }
  }
  document.hostConfig = after
  await context.registry.save(scope, container)
  publish(context, container, "update")
  return { Warnings: warnings.length > 0 ? warnings : null }
}

/** The resources that a request names: zero values and absent ones leave what is set. */
function given(request: UpdateRequest): Partial<HostConfig> {
  const { RestartPolicy: _, ...resources } = request
  return Object.fromEntries(
    Object.entries(resources).filter(
      ([, value]) => value !== 0 && value !== "" && value !== null && value !== undefined,
    ),
  ) as Partial<HostConfig>
}
