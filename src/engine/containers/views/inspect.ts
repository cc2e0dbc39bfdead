import { join } from "node:path"
import type { ContainerInspect, ContainerState, NetworkSettings } from "../../../api/container.ts"
import type { PortMap } from "../../../api/container-config.ts"
import type { EndpointSettings } from "../../../api/network.ts"
import type { Scope } from "../../../core/scope.ts"
import { formatNanos, zeroTime } from "../../../std/clock.ts"
import { sortedByName } from "../../../std/sorted.ts"
import type { ContainerContext } from "../context.ts"
import { shownLinks } from "../network/links.ts"
import { joinedRef } from "../network/namespace-owners.ts"
import type { Container } from "../record/container.ts"
import { noSettings } from "../record/endpoint-settings.ts"
import { profileOf } from "../request/security-options.ts"
import { LayerStackSizes } from "./layer-stack-sizes.ts"
import { mountPoints } from "./mount-point.ts"

/** A time of the state as Docker prints it; 0 is Go's zero time. */
export const stateTime = (nanos: string): string => (nanos === "0" ? zeroTime : formatNanos(BigInt(nanos)))

/** `GET /containers/{id}/json` */
export async function inspectContainer(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  options: { readonly size: boolean },
): Promise<ContainerInspect> {
  const { document, id } = container
  const { hostConfig, config } = document
  const folder = join(context.containersRoot, filesOwner(context, container))
  const mounts = await mountPoints(scope, context.volumes, document.mounts)
  const log = context.stdio.log(container)
  const everStarted = document.state.startedAt !== "0"
  const file = (name: string) => (everStarted ? join(folder, name) : "")
  return {
    Id: id,
    Created: document.created,
    Path: document.path,
    Args: document.args,
    State: stateOf(container),
    Image: document.imageId,
    ResolvConfPath: file("resolv.conf"),
    HostnamePath: file("hostname"),
    HostsPath: file("hosts"),
    LogPath: log.format === "json-file" && everStarted ? log.path : "",
    Name: `/${document.name}`,
    RestartCount: document.state.restartCount,
    Driver: context.snapshots.driver === "overlay" ? "overlay2" : "vfs",
    Platform: document.platform,
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: shownProfile(context, container),
    ExecIDs: liveExecs(context, container),
    HostConfig: document.links ? { ...hostConfig, Links: shownLinks(context.registry, container) } : hostConfig,
    GraphDriver: await graphDriver(context, scope, container),
    ...(options.size ? await new LayerStackSizes(context.snapshots, scope).of(container) : {}),
    Mounts: mounts,
    Config: withMac(config, config.MacAddress || mainMac(container)),
    NetworkSettings: networkSettings(context, container),
  }
}

/** Whose hosts, hostname and resolv.conf a container has: who shares a network shares its files. */
function filesOwner({ registry }: ContainerContext, container: Container): string {
  const ref = joinedRef(container.document.hostConfig.NetworkMode)
  const owner = ref === undefined ? container : (registry.get(ref) ?? registry.byName(ref.replace(/^\//, "")))
  return (owner ?? container).id
}

/** Absent where there is none. */
const withMac = <C extends object>(config: C, MacAddress: string | undefined): C =>
  MacAddress ? { ...config, MacAddress } : config

/** The MAC address that was asked for in the network of the container's mode: older clients know one only. */
const mainMac = ({ document: { hostConfig, networking } }: Container): string =>
  networking.EndpointsConfig?.[hostConfig.NetworkMode]?.MacAddress ?? ""

/** The profile's name, `unconfined` where the kernel confines and this container is left out, empty elsewhere. */
function shownProfile({ host }: ContainerContext, { document: { hostConfig } }: Container): string {
  if (!host.apparmor.enabled) return ""
  return profileOf(hostConfig, host.apparmor) ?? "unconfined"
}

function liveExecs(context: ContainerContext, container: Container): string[] | null {
  const ids = [...container.execIds].filter((id) => context.execs.get(id)?.status !== "ended")
  return ids.length > 0 ? ids : null
}

async function graphDriver(context: ContainerContext, scope: Scope, container: Container) {
  const Name = context.snapshots.driver === "overlay" ? "overlay2" : "vfs"
  const mounts = await context.snapshots.mounts(scope, container.id).catch(() => [])
  const top = mounts.at(-1)
  if (!top?.upperDir) return { Name, Data: null }
  return {
    Name,
    Data: {
      ID: container.id,
      LowerDir: (top.lowerDirs ?? []).join(":"),
      MergedDir: join(top.upperDir, "..", "merged"),
      UpperDir: top.upperDir,
      WorkDir: join(top.upperDir, "..", "work"),
      ...(container.state.filesInDoubt ? { Warning: container.state.filesInDoubt } : {}),
    },
  }
}

/** State as inspect shows it. A container that waits for its restart counts as running, as in Docker. */
export function stateOf(container: Container): ContainerState {
  const { state } = container
  const restarting = state.status === "restarting"
  return {
    Status: state.status,
    Running: container.running || restarting,
    Paused: state.status === "paused",
    Restarting: restarting,
    OOMKilled: state.oomKilled,
    Dead: state.status === "dead",
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: stateTime(state.startedAt),
    FinishedAt: stateTime(state.finishedAt),
    ...(state.health
      ? {
          Health: {
            Status: state.health.status,
            FailingStreak: state.health.failingStreak,
            Log: state.health.log,
          },
        }
      : {}),
  }
}

/**
 * The ports by which a container that runs can be reached through a bridge: exposed ones with null, published ones with every
 * address that they are bound to. None where no bridge leads out: on the host's network, without one, or on internal ones.
 */
export function boundPorts({ networks }: ContainerContext, container: Container): PortMap {
  const ports: Record<string, { HostIp: string; HostPort: string }[] | null> = {}
  const joined = Object.values(container.state.sandbox?.networks ?? {}).map(({ networkId }) => networks.get(networkId))
  const leadsOut = joined.some((network) => network?.driver === "bridge" && !network.internal)
  if (!container.running || !leadsOut) return ports
  for (const exposed of Object.keys(container.document.config.ExposedPorts ?? {})) {
    ports[exposed.includes("/") ? exposed : `${exposed}/tcp`] = null
  }
  for (const port of container.state.sandbox?.ports ?? []) {
    const key = `${port.containerPort}/${port.protocol}`
    const list = ports[key] ?? []
    ports[key] = list
    list.push({ HostIp: port.hostIp, HostPort: port.hostPort === 0 ? "" : String(port.hostPort) })
  }
  return sortedByName(ports)
}

function networkSettings(context: ContainerContext, container: Container): NetworkSettings {
  const { sandbox } = container.state
  return {
    SandboxID: sandbox?.id ?? "",
    SandboxKey: sandbox?.path ?? "",
    Ports: boundPorts(context, container),
    Networks: networksOf(container),
  }
}

/** The networks of a container as inspect and list show them: as asked for, and what it got while it runs. */
export function networksOf(container: Container): Record<string, EndpointSettings> {
  const { networks = {} } = container.state.sandbox ?? {}
  const asked = container.document.networking.EndpointsConfig ?? {}
  return Object.fromEntries(
    Object.entries(sortedByName(asked)).map(([name, settings]) => {
      const got = networks[name]
      return [
        name,
        {
          ...(settings ?? noSettings),
          // A container that an older daemon had started has never been told its network's ID.
          NetworkID: settings?.NetworkID || got?.networkId || "",
          MacAddress: got?.macAddress ?? (container.state.startedAt === "0" ? (settings?.MacAddress ?? "") : ""),
          EndpointID: got?.endpointId ?? "",
          Gateway: got?.ipv4?.gateway ?? "",
          IPAddress: got?.ipv4?.address ?? "",
          IPPrefixLen: got?.ipv4?.prefixLength ?? 0,
          IPv6Gateway: got?.ipv6?.gateway ?? "",
          GlobalIPv6Address: got?.ipv6?.address ?? "",
          GlobalIPv6PrefixLen: got?.ipv6?.prefixLength ?? 0,
        },
      ]
    }),
  )
}
