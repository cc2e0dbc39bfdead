import type { RuntimeSpec } from "../../../oci/runtime-spec.ts"
import { readCdiDevices } from "../../../runtime/cdi/devices.ts"
import { injectCdiDevices } from "../../../runtime/cdi/inject.ts"
import { buildSpec } from "../../../runtime/spec/build.ts"
import type { Span } from "../../../trace/span.ts"
import type { ContainerContext } from "../context.ts"
import type { MountHolds } from "../mounts/contract.ts"
import { linkEnvironment } from "../network/links.ts"
import type { Container } from "../record/container.ts"
import { runtimeOf } from "../record/runtime.ts"
import { requestedDevices } from "../request/device-requests.ts"
import { specRequest } from "../request/spec.ts"

/** The OCI specification of a container that is about to start: its files written, its volumes filled. */
export async function containerSpec(
  context: ContainerContext,
  container: Container,
  root: string,
  span: Span,
  holds: MountHolds,
): Promise<RuntimeSpec> {
  const { config, hostConfig } = container.document
  const namespaces = context.containerNetworks.namespaces(container)
  const mounts = await context.mounts.prepare({ ...context.background("mounts"), span }, container, root, holds)
  const { cgroupMode, seccomp, apparmor, initPath } = context.host
  const request = specRequest(
    {
      config,
      host: hostConfig,
      mounts,
      files: await context.containerNetworks.writeFiles(container),
      ...namespaces,
      linked: linkEnvironment(context.registry, container),
      ...(initPath ? { initPath } : {}),
    },
    apparmor,
  )
  const spec = buildSpec(
    request,
    { cgroupMode, runtime: runtimeOf(context.runtimes, container), seccomp, apparmor },
    root,
  )
  if (hostConfig.DeviceRequests?.length) {
    const known = readCdiDevices(context.defaults.cdiSpecDirs)
    injectCdiDevices(spec, requestedDevices(hostConfig, known), known)
  }
  return spec
}
