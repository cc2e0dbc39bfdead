import { existsSync } from "node:fs"
import type { UpdateResponse } from "../../../api/container.ts"
import type { HostConfig, UpdateRequest } from "../../../api/container-config.ts"
import type { Scope } from "../../../core/scope.ts"
import { Failure, messageOf } from "../../../errors/failure.ts"
import type { ContainerContext } from "../context.ts"
import type { Container } from "../record/container.ts"
import { publish } from "../record/events.ts"
import { limitsOf } from "../request/limits.ts"
import { validateRestartPolicy } from "../request/validate.ts"
import { leastMemory, validateResources } from "../request/validate-resources.ts"

/** `docker update`: limits at once when it runs, and for later starts. Nothing changes when a limit is refused. */
export async function updateContainer(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  request: UpdateRequest,
): Promise<UpdateResponse> {
  const refuse = (why: string) => new Failure("conflict", `Cannot update container ${container.id}: ${why}`)
  if (container.removed) throw refuse('container is marked for removal and cannot be "update"')
  const { document } = container
  const before = document.hostConfig
  const policy = request.RestartPolicy
  if (policy.Name && before.AutoRemove && policy.Name !== "no") {
    throw refuse("Restart policy cannot be updated because AutoRemove is enabled for the container")
  }
  refuseCpuConflicts(before, request, refuse)
  const changed: HostConfig = {
    ...before,
    ...given(request),
    ...(policy.Name ? { RestartPolicy: policy } : {}),
  }
  if (
    Number(request.Memory) >= leastMemory &&
    Number(request.MemorySwap) === 0 &&
    Number(before.MemorySwap) >= 0 &&
    Number(request.Memory) > Number(before.MemorySwap)
  ) {
    throw refuse(
      "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
    )
  }
  const { resources: after, warnings } = validateResources(changed, context.host.facts, true)
  if (policy.Name) validateRestartPolicy(policy)
  if (container.running) {
    try {
      await context.tasks.update(scope, container.id, limitsOf({ ...after, ...withdrawnRules(before, after) }))
    } catch (error) {
      throw new Failure("internal", `Cannot update container ${container.id}: ${messageOf(error)}`, error)
    }
  }
  document.hostConfig = after
  await context.registry.save(scope, container)
  publish(context, container, "update")
  return { Warnings: warnings.length > 0 ? warnings : null }
}

/**
 * The rules for block devices in `after`, and one of no limit for each device that only `before` has a rule for: the kernel keeps a rule until
 * it is taken back. A device that is gone has none.
 */
function withdrawnRules(before: HostConfig, after: HostConfig): Partial<HostConfig> {
  const gone = <T extends { readonly Path: string }>(old: readonly T[] | null, now: readonly T[] | null) =>
    (old ?? []).filter(({ Path }) => !now?.some((kept) => kept.Path === Path) && existsSync(Path))
  const rates = (
    name: "BlkioDeviceReadBps" | "BlkioDeviceWriteBps" | "BlkioDeviceReadIOps" | "BlkioDeviceWriteIOps",
  ) => [...(after[name] ?? []), ...gone(before[name], after[name]).map(({ Path }) => ({ Path, Rate: 0 }))]
  return {
    BlkioWeightDevice: [
      ...(after.BlkioWeightDevice ?? []),
      ...gone(before.BlkioWeightDevice, after.BlkioWeightDevice).map(({ Path }) => ({ Path, Weight: 0 })),
    ],
    BlkioDeviceReadBps: rates("BlkioDeviceReadBps"),
    BlkioDeviceWriteBps: rates("BlkioDeviceWriteBps"),
    BlkioDeviceReadIOps: rates("BlkioDeviceReadIOps"),
    BlkioDeviceWriteIOps: rates("BlkioDeviceWriteIOps"),
  }
}

/** A share of CPUs is one number or a quota of a period: an update does not turn one into the other. */
function refuseCpuConflicts(before: HostConfig, request: UpdateRequest, refuse: (why: string) => Failure): void {
  const cannot = (what: string, because: string) =>
    refuse(`Conflicting options: ${what} cannot be updated as ${because} has already been set`)
  if (request.NanoCpus > 0 && before.CpuPeriod > 0) throw cannot("Nano CPUs", "CPU Period")
  if (request.NanoCpus > 0 && before.CpuQuota > 0) throw cannot("Nano CPUs", "CPU Quota")
  if (request.CpuPeriod > 0 && before.NanoCpus > 0) throw cannot("CPU Period", "NanoCPUs")
  if (request.CpuQuota > 0 && before.NanoCpus > 0) throw cannot("CPU Quota", "NanoCPUs")
}

/** What is no limit: a client may send it with the others, but only a new container gets it. */
const fixed = new Set(["CgroupParent", "DeviceCgroupRules", "DeviceRequests", "Devices", "Ulimits"])

/** The resources that a request names: zero values and absent ones leave what is set, an empty list clears; no number of processes is no limit. */
function given(request: UpdateRequest): Partial<HostConfig> {
  const { RestartPolicy: _, PidsLimit: pids, ...resources } = request
  const named = Object.entries(resources).filter(
    ([name, value]) => !fixed.has(name) && value !== 0 && value !== "" && value !== null && value !== undefined,
  )
  return { ...Object.fromEntries(named), ...(pids === null ? {} : { PidsLimit: pids > 0 ? pids : 0 }) }
}
