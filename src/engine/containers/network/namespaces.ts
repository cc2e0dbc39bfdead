import type { SpecNamespaces } from "../../../runtime/spec/contract.ts"
import type { Container } from "../record/container.ts"
import type { ContainerNetworksNeeds, JoinedNamespaces } from "./contract.ts"
import { checkLinksRun } from "./links.ts"
import { ipcNamespaceOwner, joinedRef, pidNamespaceOwner } from "./namespace-owners.ts"

type NamespacesNeeds = Pick<ContainerNetworksNeeds, "registry" | "networking" | "sandboxes" | "host" | "background">

/** Smallest MTU of an interface on which the kernel offers IPv6 (RFC 8200, section 5). */
const leastMtuOfIpv6 = 1280

/** Carries out `ContainerNetworks.namespaces`. */
export function namespacesOf(needs: NamespacesNeeds, container: Container): JoinedNamespaces {
  const { IpcMode, PidMode } = container.document.hostConfig
  checkLinksRun(needs.registry, container)
  const ipcFrom = ipcNamespaceOwner(needs, IpcMode)
  const pidFrom = pidNamespaceOwner(needs, PidMode)
  const shmPath = needs.sandboxes.find(needs.background("namespaces"), container.id)?.sharedMemory
  return {
    network: networkNamespace(needs, container),
    ...(shmPath ? { shmPath } : {}),
    ...(ipcFrom ? { ipcFrom } : {}),
    ...(pidFrom ? { pidFrom } : {}),
  }
}

/** The network namespace: an existing one, a new one, or the host's. */
function networkNamespace(
  { registry, networking, host }: NamespacesNeeds,
  container: Container,
): SpecNamespaces["network"] {
  const mode = container.document.hostConfig.NetworkMode
  const owner = joinedRef(mode)
  if (owner !== undefined) return { path: `/proc/${registry.resolve(owner).state.pid}/ns/net` }
  const path = container.state.sandbox?.path
  if (path) {
    const endpoints = networking.sandbox(container.id)?.endpoints ?? []
    const withoutIpv6 = endpoints
      .filter(({ ipv6, bornWithoutIpv6 }) => !ipv6 && !bornWithoutIpv6)
      .filter(({ networkId }) => (networking.network(networkId)?.mtu || 1500) >= leastMtuOfIpv6)
      .map(({ containerInterface }) => containerInterface)
    return { path, ...(host.ipv6 ? { withoutIpv6 } : {}) }
  }
  return mode === "host" ? "host" : "new"
}
