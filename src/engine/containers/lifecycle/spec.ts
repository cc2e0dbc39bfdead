import type { RuntimeSpec } from "../../../oci/runtime-spec.ts"
import { readCdiDevices } from "../../../runtime/cdi/devices.ts"
import { injectCdiDevices } from "../../../runtime/cdi/inject.ts"
import { buildSpec } from "../../../runtime/spec/build.ts"
import type { SpecNamespaces } from "../../../runtime/spec/contract.ts"
import type { Span } from "../../../trace/span.ts"
import type { ContainerContext } from "../context.ts"
import type { MountHolds } from "../mounts/contract.ts"
import { writeNetworkFiles } from "../network/files.ts"
import { checkLinksRun, linkEnvironment } from "../network/links.ts"
import { ipcNeighbour, pidNeighbour } from "../network/namespace-owners.ts"
import type { Container } from "../record/container.ts"
import { requestedDevices } from "../request/device-requests.ts"
import { specRequest } from "../request/spec.ts"
import { runtimeOf } from "../stdio/config.ts"

/** The OCI specification of a container that is about to start: its files written, its volumes filled. */
export async function containerSpec(
  context: ContainerContext,
  container: Container,
  root: string,
  span: Span,
  holds: MountHolds,
): Promise<RuntimeSpec> {
  const { config, hostConfig } = container.document
  checkLinksRun(context.registry, container)
  const ipcFrom = ipcNeighbour(context, hostConfig.IpcMode)
  const pidFrom = pidNeighbour(context, hostConfig.PidMode)
  const shmPath =
    hostConfig.IpcMode === "shareable"
      ? holds.whileMounted.use(context.sharedMemory.open(container.id, Number(hostConfig.ShmSize))).path
      : undefined
  const mounts = await context.mounts.prepare({ ...context.background("mounts"), span }, container, root, holds)
  const { cgroupMode, seccomp, apparmor, initPath } = context.host
  const request = specRequest(
    {
      config,
      host: hostConfig,
      mounts,
      files: await writeNetworkFiles(context, container),
      network: networkNamespace(context, container),
      ...(ipcFrom ? { ipcFrom } : {}),
      ...(pidFrom ? { pidFrom } : {}),
      ...(shmPath ? { shmPath } : {}),
      linked: linkEnvironment(context.registry, container),
      ...(initPath ? { initPath } : {}),
    },
    apparmor,
  )
  const spec = buildSpec(request, { cgroupMode, runtime: runtimeOf(context, container), seccomp, apparmor }, root)
  if (hostConfig.DeviceRequests?.length) {
    const known = readCdiDevices(context.defaults.cdiSpecDirs)
    injectCdiDevices(spec, requestedDevices(hostConfig, known), known)
  }
  return spec
}

/** Where the container's network is: a namespace that exists, one to be made, or the host's. */
function networkNamespace(context: ContainerContext, container: Container): SpecNamespaces["network"] {
  const mode = container.document.hostConfig.NetworkMode
  if (mode.startsWith("container:")) {
    return { path: `/proc/${joinedPid(context, mode.slice("container:".length))}/ns/net` }
  }
  const path = container.state.sandbox?.path
  if (path) {
    const { networking } = context
    const endpoints = networking.sandbox(container.id)?.endpoints ?? []
    // Interfaces with a smaller MTU than IPv6 needs do not even have the setting.
    const withoutIpv6 = endpoints
      .filter(({ ipv6, bornWithoutIpv6 }) => !ipv6 && !bornWithoutIpv6)
      .filter(({ networkId }) => (networking.network(networkId)?.mtu || 1500) >= 1280)
      .map(({ containerInterface }) => containerInterface)
    return { path, ...(context.host.ipv6 ? { withoutIpv6 } : {}) }
  }
  return mode === "host" ? "host" : "new"
}

/** PID of the running container that another joins a namespace of. */
function joinedPid(context: ContainerContext, ref: string): number {
  return context.registry.resolve(ref).state.pid
}
