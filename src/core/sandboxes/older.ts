import type { LivingSandboxes } from "./contract.ts"
import type { SandboxRecord } from "./record.ts"
import type { SandboxCollaborators } from "./service.ts"

/** The owner of everything that earlier builds have left, and the only namespace that they used. */
const owner = "engine"
const namespace = "moby"

/**
 * Records for what containers of earlier builds have, who run on: places in networks and shared memory, neither with a record of a
 * sandbox. @returns them by key
 */
export function adoptOlder(
  known: ReadonlyMap<string, SandboxRecord>,
  { networking, sharedMemory, boot }: Pick<SandboxCollaborators, "networking" | "sharedMemory" | "boot">,
  living: LivingSandboxes,
): ReadonlyMap<string, SandboxRecord> {
  const found = new Map<string, SandboxRecord>()
  const add = (id: string, change: Partial<SandboxRecord>) => {
    if (known.has(id)) return
    found.set(id, { ...(found.get(id) ?? { id, namespace, owner, name: id, boot }), ...change })
  }
  for (const { containerId, containerName } of networking.sandboxes()) add(containerId, { name: containerName })
  for (const { key, place } of sharedMemory.places())
    if (living.get(owner)?.({ namespace, id: key })) add(key, { sharedMemory: place })
  return found
}
