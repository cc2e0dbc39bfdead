import { join } from "node:path"
import type { ContainerInspect, ContainerState, NetworkSettings } from "../../../api/container.ts"
import type { PortMap } from "../../../api/container-config.ts"
import { type EndpointSettings, noSettings } from "../../../api/network.ts"
import type { Scope } from "../../../core/scope.ts"
import { formatNanos, zeroTime } from "../../../std/clock.ts"
import { sortedByName } from "../../../std/sorted.ts"
import { shownLinks } from "../network/links.ts"
import { joinedRef } from "../network/namespace-owners.ts"
import type { Container } from "../record/container.ts"
import { profileOf } from "../request/security-options.ts"
import type { ViewsNeeds } from "./contract.ts"
import { LayerStackSizes } from "./layer-stack-sizes.ts"
import { mountPoints } from "./mount-point.ts"

type InspectNeeds = Pick<
  ViewsNeeds,
  "registry" | "execs" | "snapshots" | "volumes" | "networks" | "stdio" | "host" | "containersRoot"
>

/** A time of the state as Docker prints it; 0 is Go's zero time. */
export const stateTime = (nanos: string): string => (nanos === "0" ? zeroTime : formatNanos(BigInt(nanos)))

/** Carries out `Views.inspect`. */
export async function inspectContainer(
  needs: InspectNeeds,
  scope: Scope,
  container: Container,
  options: { readonly size: boolean },
): Promise<ContainerInspect> {
  const { document, id } = container
  const { hostConfig, config } = document
  const folder = join(needs.containersRoot, filesOwner(needs, container))
  const mounts = await mountPoints(scope, needs.volumes, document.mounts)
  const log = needs.stdio.log(container)
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
    Driver: needs.snapshots.driver === "overlay" ? "overlay2" : "vfs",
    Platform: document.platform,
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: shownProfile(needs, container),
    ExecIDs: liveExecs(needs, container),
    HostConfig: document.links ? { ...hostConfig, Links: shownLinks(needs.registry, container) } : hostConfig,
    GraphDriver: await graphDriver(needs, scope, container),
    ...(options.size ? await new LayerStackSizes(needs.snapshots, scope).of(container) : {}),
    Mounts: mounts,
    Config: withMac(config, config.MacAddress || mainMac(container)),
    NetworkSettings: networkSettings(needs, container),
  }
}

/** ID of the container whose hosts, hostname and resolv.conf are used: with a shared network those of its owner. */
function filesOwner({ registry }: InspectNeeds, container: Container): string {
  const ref = joinedRef(container.document.hostConfig.NetworkMode)
  const owner = ref === undefined ? container : (registry.get(ref) ?? registry.byName(ref.replace(/^\//, "")))
  return (owner ?? container).id
}

/** Adds a MAC address, if there is one. */
const withMac = <C extends object>(config: C, MacAddress: string | undefined): C =>
  MacAddress ? { ...config, MacAddress } : config

/** The requested MAC address in the network of the container's mode: older clients know only one. */
const mainMac = ({ document: { hostConfig, networking } }: Container): string =>
  networking.EndpointsConfig?.[hostConfig.NetworkMode]?.MacAddress ?? ""

/** Name of the AppArmor profile, `unconfined` without one, empty where the kernel has no AppArmor. */
function shownProfile({ host }: InspectNeeds, { document: { hostConfig } }: Container): string {
  if (!host.apparmor.enabled) return ""
  return profileOf(hostConfig, host.apparmor) ?? "unconfined"
}

function liveExecs(needs: InspectNeeds, container: Container): string[] | null {
  const ids = [...container.execIds].filter((id) => needs.execs.get(id)?.status !== "ended")
  return ids.length > 0 ? ids : null
}

async function graphDriver(needs: InspectNeeds, scope: Scope, container: Container) {
  const Name = needs.snapshots.driver === "overlay" ? "overlay2" : "vfs"
  const mounts = await needs.snapshots.mounts(scope, container.id).catch(() => [])
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

/** The state as inspect shows it. A container that waits for its restart counts as running, as in Docker. */
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
 * The ports of a running container in a bridge network: exposed ones with null, published ones with the addresses that they
 * are bound to. Empty in the host's network, without a network and in internal networks.
 */
export function boundPorts({ networks }: Pick<ViewsNeeds, "networks">, container: Container): PortMap {
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

function networkSettings(needs: InspectNeeds, container: Container): NetworkSettings {
  const { sandbox } = container.state
  return {
    SandboxID: sandbox?.id ?? "",
    SandboxKey: sandbox?.path ?? "",
    Ports: boundPorts(needs, container),
    Networks: networksOf(container),
  }
}

/** The networks of a container as inspect and list show them: requested settings, and addresses while it runs. */
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
          // Containers that an older build started have no network ID in their record.
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
