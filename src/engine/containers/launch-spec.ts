import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { populateVolume } from "../../core/tasks/populate.ts"
import { Failure } from "../../errors/failure.ts"
import { hostsFile, nameserversOf, resolvConf } from "../../network/files.ts"
import type { RuntimeSpec } from "../../oci/runtime-spec.ts"
import type { Span } from "../../trace/span.ts"
import type { Container } from "./container.ts"
import type { ContainerContext } from "./context.ts"
import { applyUser, buildSpec } from "./spec.ts"
import type { Neighbour, SpecInput, ResolvedMount as SpecInputMount } from "./spec-input.ts"

/** The OCI specification of a container that is about to start: its files written, its volumes filled. */
export async function containerSpec(
  context: ContainerContext,
  container: Container,
  root: string,
  span: Span,
): Promise<RuntimeSpec> {
  const { config, hostConfig } = container.document
  const mounts = await resolvedMounts(context, container, root, span)
  const spec = buildSpec({
    id: container.id,
    config,
    host: hostConfig,
    mounts,
    files: await writeFiles(context, container),
    network: networkNamespace(context, container),
    ...neighbour(context, "ipcFrom", hostConfig.IpcMode),
    ...neighbour(context, "pidFrom", hostConfig.PidMode),
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

/** The running container that a `container:ID` mode joins. @throws conflict when it does not run */
function neighbour<K extends "ipcFrom" | "pidFrom">(
  context: ContainerContext,
  key: K,
  mode: string,
): { [P in K]?: Neighbour } {
  if (!mode.startsWith("container:")) return {}
  const other = context.registry.resolve(mode.slice("container:".length))
  if (!other.running) throw new Failure("conflict", `cannot join a namespace of a non running container: ${other.id}`)
  return { [key]: { pid: other.state.pid } } as { [P in K]?: Neighbour }
}

/** Where the container's network is: a namespace that exists, one to be made, or the host's. */
function networkNamespace(context: ContainerContext, container: Container): SpecInput["network"] {
  const mode = container.document.hostConfig.NetworkMode
  if (mode.startsWith("container:")) {
    return { kind: "path", path: `/proc/${joinedPid(context, mode.slice("container:".length))}/ns/net` }
  }
  if (container.state.network?.netnsPath) return { kind: "path", path: container.state.network.netnsPath }
  return mode === "host" ? { kind: "host" } : { kind: "private" }
}

/** PID of the running container that another joins a namespace of. */
function joinedPid(context: ContainerContext, ref: string): number {
  return context.registry.resolve(ref).state.pid
}

/** Writes hostname, hosts and resolv.conf of the container; one that shares a network shares those files. */
async function writeFiles(context: ContainerContext, container: Container): Promise<SpecInput["files"]> {
  const { config, hostConfig } = container.document
  const mode = hostConfig.NetworkMode
  const other = mode.startsWith("container:") ? context.registry.resolve(mode.slice("container:".length)) : container
  const folder = join(context.containersRoot, other.id)
  if (other === container) {
    mkdirSync(folder, { recursive: true, mode: 0o710 })
    const { defaults } = context
    const hostText = hostResolver()
    const nameservers =
      mode === "bridge" && context.network ? await context.network.nameservers() : nameserversOf(hostText)
    writeFileSync(join(folder, "hostname"), `${config.Hostname}\n`)
    writeFileSync(
      join(folder, "hosts"),
      hostsFile({
        hostname: config.Hostname,
        domainname: config.Domainname,
        addresses: container.state.network?.address ? [container.state.network.address] : [],
        extra: hostConfig.ExtraHosts ?? [],
        gateway: context.network?.gateway ?? "127.0.0.1",
      }),
    )
    writeFileSync(
      join(folder, "resolv.conf"),
      resolvConf(hostText, nameservers, {
        dns: hostConfig.Dns?.length ? hostConfig.Dns : defaults.dns.servers,
        search: hostConfig.DnsSearch?.length ? hostConfig.DnsSearch : defaults.dns.search,
        options: hostConfig.DnsOptions?.length ? hostConfig.DnsOptions : defaults.dns.options,
      }),
    )
  }
  return { hostname: join(folder, "hostname"), hosts: join(folder, "hosts"), resolvConf: join(folder, "resolv.conf") }
}

function hostResolver(): string {
  try {
    return readFileSync("/etc/resolv.conf", "utf8")
  } catch {
    return ""
  }
}
