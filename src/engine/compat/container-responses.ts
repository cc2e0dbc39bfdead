import type { ContainerInspect, ContainerSummary, NetworkSettings } from "../../api/container.ts"
import type { StatsResponse } from "../../api/stats.ts"
import { shortId } from "../../std/id.ts"
import { isBefore } from "./version.ts"

/** `GET /containers/{id}/json` */
export function containerInspect(inspect: ContainerInspect, version: string): unknown {
  const { HostConfig, Config } = inspect
  const before52 = isBefore(version, "1.52")
  return {
    ...inspect,
    HostConfig: {
      ...HostConfig,
      ...(before52 ? {} : { KernelMemoryTCP: undefined }),
      ...(isBefore(version, "1.56") ? { Umask: undefined } : {}),
    },
    ...(isBefore(version, "1.48") ? { ImageManifestDescriptor: undefined } : {}),
    Config: {
      ...Config,
      ...(before52 ? {} : { MacAddress: undefined }),
      ...(before52 || Config.OnBuild?.length ? {} : { OnBuild: undefined }),
    },
    NetworkSettings: networkSettings(inspect, version),
  }
}

function networkSettings(inspect: ContainerInspect, version: string): unknown {
  const settings = isBefore(version, "1.45") ? withIdAliases(inspect) : inspect.NetworkSettings
  return isBefore(version, "1.52") ? withBridgeFields(settings) : settings
}

/** Before 1.45 a container's short ID and hostname were aliases of it on the user's networks. */
function withIdAliases({ Id, Config, NetworkSettings }: ContainerInspect): NetworkSettings {
  const names = [shortId(Id), Config.Hostname]
  const networks = Object.entries(NetworkSettings.Networks).map(([name, endpoint]) => {
    const predefined = name === "bridge" || name === "host" || name === "none"
    const aliases = [...new Set([...(endpoint.Aliases ?? []), ...names])]
    return [name, predefined ? endpoint : { ...endpoint, Aliases: aliases }]
  })
  return { ...NetworkSettings, Networks: Object.fromEntries(networks) }
}

/** Before 1.52 the endpoint on the default bridge was shown a second time, beside fields that nothing has set for years. */
function withBridgeFields({ SandboxID, SandboxKey, Ports, Networks }: NetworkSettings): object {
  const joined = Networks["bridge"]?.EndpointID ? Networks["bridge"] : undefined
  return {
    Bridge: "",
    SandboxID,
    SandboxKey,
    Ports,
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: joined?.EndpointID ?? "",
    Gateway: joined?.Gateway ?? "",
    GlobalIPv6Address: joined?.GlobalIPv6Address ?? "",
    GlobalIPv6PrefixLen: joined?.GlobalIPv6PrefixLen ?? 0,
    IPAddress: joined?.IPAddress ?? "",
    IPPrefixLen: joined?.IPPrefixLen ?? 0,
    IPv6Gateway: joined?.IPv6Gateway ?? "",
    MacAddress: joined?.MacAddress ?? "",
    Networks,
  }
}

/** One entry of `GET /containers/json` */
export function containerSummary(summary: ContainerSummary, version: string): ContainerSummary {
  let result = summary
  if (isBefore(version, "1.52")) result = { ...result, Health: undefined }
  if (isBefore(version, "1.48")) result = { ...result, ImageManifestDescriptor: undefined }
  if (isBefore(version, "1.46")) result = { ...result, HostConfig: { ...result.HostConfig, Annotations: undefined } }
  return result
}

/** One sample of `GET /containers/{id}/stats` */
export const containerStats = (sample: StatsResponse, version: string): unknown =>
  isBefore(version, "1.52") ? { ...sample, os_type: undefined } : sample
