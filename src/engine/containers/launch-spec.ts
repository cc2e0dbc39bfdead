import { join } from "node:path"
import { populateVolume } from "../../core/tasks/populate.ts"
import type { RuntimeSpec } from "../../oci/runtime-spec.ts"
import type { Span } from "../../trace/span.ts"
import type { Container } from "./container.ts"
import type { ContainerContext } from "./context.ts"
import { checkLinksRun, linkEnvironment } from "./links.ts"
import { ipcNeighbour, pidNeighbour } from "./neighbours.ts"
import { writeNetworkFiles } from "./network-files.ts"
import { applyUser, buildSpec } from "./spec.ts"
import type { SpecInput, ResolvedMount as SpecInputMount } from "./spec-input.ts"

/** The OCI specification of a container that is about to start: its files written, its volumes filled. */
export async function containerSpec(
  context: ContainerContext,
  container: Container,
  root: string,
  span: Span,
): Promise<RuntimeSpec> {
  const { config, hostConfig } = container.document
  checkLinksRun(context.registry, container)
  const ipcFrom = ipcNeighbour(context, hostConfig.IpcMode)
  const pidFrom = pidNeighbour(context, hostConfig.PidMode)
  const mounts = await resolvedMounts(context, container, root, span)
  const shmPath =
    hostConfig.IpcMode === "shareable"
      ? await context.sharedMemory.open(container.id, Number(hostConfig.ShmSize))
      : undefined
  const spec = buildSpec({
    id: container.id,
    config,
    host: hostConfig,
    mounts,
    files: await writeNetworkFiles(context, container),
    network: networkNamespace(context, container),
    ...(ipcFrom ? { ipcFrom } : {}),
    ...(pidFrom ? { pidFrom } : {}),
    ...(shmPath ? { shmPath } : {}),
    linked: linkEnvironment(context.registry, container),
    cgroupMode: context.host.cgroupMode,
    cgroupPath: "",
    runtime: context.runtimes.find((each) => each.name === hostConfig.Runtime) ?? context.runtimes[0]!,
    seccomp: context.host.seccomp,
    apparmor: context.host.apparmor,
    ...(context.host.initPath ? { initPath: context.host.initPath } : {}),
  })
  applyUser(spec, root, config, hostConfig)
  return spec
}

/** The container's mounts with their sources, volumes filled from the image on first use. */
async function resolvedMounts(
  context: ContainerContext,
  container: Container,
  root: string,
  span: Span,
): Promise<SpecInputMount[]> {
  const scope = context.background("mounts")
  const mounts: SpecInputMount[] = []
  for (const mount of container.document.mounts) {
    if (mount.type === "tmpfs") {
      mounts.push({ type: "tmpfs", destination: mount.destination, options: mount.options ?? [] })
      continue
    }
    let source = mount.source
    if (mount.type === "volume") {
      const volume = await context.volumes.inspect(scope, mount.source)
      source = join(volume.Mountpoint, mount.subpath ?? "")
      if (!mount.noCopy && !mount.subpath) {
        await span.step("fill volume", (within) => populateVolume(root, mount.destination, volume.Mountpoint, within))
      }
      context.events.publish({
        Type: "volume",
        Action: "mount",
        Actor: {
          ID: mount.source,
          Attributes: {
            container: container.id,
            destination: mount.destination,
            driver: volume.Driver,
            propagation: mount.propagation,
            "read/write": String(!mount.readOnly),
          },
        },
      })
    }
    mounts.push({
      type: "bind",
      source,
      destination: mount.destination,
      readonly: mount.readOnly,
      ...(mount.propagation ? { propagation: mount.propagation } : {}),
      ...(mount.nonRecursive ? { nonRecursive: true } : {}),
    })
  }
  return mounts
}

/** Where the container's network is: a namespace that exists, one to be made, or the host's. */
function networkNamespace(context: ContainerContext, container: Container): SpecInput["network"] {
  const mode = container.document.hostConfig.NetworkMode
  if (mode.startsWith("container:")) {
    return { kind: "path", path: `/proc/${joinedPid(context, mode.slice("container:".length))}/ns/net` }
  }
  if (container.state.sandbox?.path) return { kind: "path", path: container.state.sandbox.path }
  return mode === "host" ? { kind: "host" } : { kind: "private" }
}

/** PID of the running container that another joins a namespace of. */
function joinedPid(context: ContainerContext, ref: string): number {
  return context.registry.resolve(ref).state.pid
}
