import type { ContainerInspect, ContainerSummary } from "../../api/container.ts"
import type { EventMessage } from "../../api/events.ts"
import type { ImageInspect, ImageSummary } from "../../api/image.ts"
import type { NetworkInspect } from "../../api/network.ts"
import type { DiskUsageResponse, InfoResponse } from "../../api/system.ts"
import { shortId } from "../../std/id.ts"
import { isBefore } from "./version.ts"

type Reshape = (value: never, version: string) => unknown

/** Responses of the newest version in the shape of an older one. By the key of the route table. */
const responses: Readonly<Record<string, Reshape>> = {
  "GET /containers/:id/json": containerInspect,
  "GET /containers/json": (list: readonly ContainerSummary[], version) =>
    list.map((one) => containerSummary(one, version)),
  "GET /images/:name/json": imageInspect,
  "GET /images/json": (list: readonly ImageSummary[], version) => list.map((one) => imageSummary(one, version)),
  "GET /networks": networkList,
  "GET /networks/": networkList,
  "GET /networks/:id": network,
  "GET /info": info,
  "GET /system/df": diskUsage,
}

const records: Readonly<Record<string, Reshape>> = {
  "GET /events": event,
}

/** @param key of the route table */
export function reshapeResponse(key: string, value: unknown, version: string): unknown {
  const reshape = responses[key] as ((value: unknown, version: string) => unknown) | undefined
  return reshape && value !== null ? reshape(value, version) : value
}

/**
 * As `reshapeResponse`, for each record of a stream.
 * @returns undefined when the stream's records are the same in every version; its result is undefined for a record that
 * the version does not know
 */
export function recordReshaper(key: string, version: string): ((record: unknown) => unknown) | undefined {
  const reshape = records[key] as ((value: unknown, version: string) => unknown) | undefined
  return reshape && ((record) => reshape(record, version))
}

function containerInspect(inspect: ContainerInspect, version: string): unknown {
  let result = inspect
  if (isBefore(version, "1.48")) result = { ...result, ImageManifestDescriptor: undefined }
  if (isBefore(version, "1.45")) {
    const names = [shortId(inspect.Id), inspect.Config.Hostname]
    const networks = Object.entries(inspect.NetworkSettings.Networks).map(([name, endpoint]) => {
      const predefined = name === "bridge" || name === "host" || name === "none"
      const aliases = [...new Set([...(endpoint.Aliases ?? []), ...names])]
      return [name, predefined ? endpoint : { ...endpoint, Aliases: aliases }]
    })
    result = { ...result, NetworkSettings: { ...result.NetworkSettings, Networks: Object.fromEntries(networks) } }
  }
  return result
}

function containerSummary(summary: ContainerSummary, version: string): unknown {
  let result = summary
  if (isBefore(version, "1.48")) result = { ...result, ImageManifestDescriptor: undefined }
  if (isBefore(version, "1.46")) result = { ...result, HostConfig: { ...result.HostConfig, Annotations: undefined } }
  return result
}

/** Fields that could not be left out before 1.52. */
const always = {
  Cmd: null,
  Entrypoint: null,
  Env: null,
  Labels: null,
  OnBuild: null,
  User: "",
  Volumes: null,
  WorkingDir: "",
}
/** Fields of containers that images showed before 1.50. */
const ofContainers = {
  AttachStderr: false,
  AttachStdin: false,
  AttachStdout: false,
  Domainname: "",
  Hostname: "",
  Image: "",
  OpenStdin: false,
  StdinOnce: false,
  Tty: false,
}

function imageInspect(inspect: ImageInspect, version: string): unknown {
  const Config = inspect.Config && {
    ...(isBefore(version, "1.50") ? ofContainers : {}),
    ...(isBefore(version, "1.52") ? always : {}),
    ...inspect.Config,
  }
  return {
    ...inspect,
    Config,
    ...(isBefore(version, "1.48") ? { Descriptor: undefined, Manifests: undefined } : {}),
    ...(isBefore(version, "1.45")
      ? {
          Container: inspect.Container ?? "",
          ContainerConfig: { ...ofContainers, ...always, ...inspect.ContainerConfig },
        }
      : { Container: undefined, ContainerConfig: undefined }),
    ...(isBefore(version, "1.44") ? { VirtualSize: inspect.Size, Created: inspect.Created ?? "" } : {}),
  }
}

function imageSummary(summary: ImageSummary, version: string): object {
  const untagged = summary.RepoTags.length === 0
  return {
    ...summary,
    ...(isBefore(version, "1.51") ? { Containers: -1 } : {}),
    ...(isBefore(version, "1.48") ? { Descriptor: undefined } : {}),
    ...(isBefore(version, "1.47") ? { Manifests: undefined } : {}),
    ...(isBefore(version, "1.44") ? { VirtualSize: summary.Size } : {}),
    ...(isBefore(version, "1.43") && untagged
      ? {
          RepoTags: ["<none>:<none>"],
          RepoDigests: summary.RepoDigests.length > 0 ? summary.RepoDigests : ["<none>@<none>"],
        }
      : {}),
  }
}

function network(inspect: NetworkInspect, version: string): unknown {
  return isBefore(version, "1.48") ? { ...inspect, EnableIPv4: undefined } : inspect
}

function networkList(list: readonly NetworkInspect[], version: string): unknown {
  return list.map((one) => network(one, version))
}

function info(value: InfoResponse, version: string): unknown {
  const registry = { AllowNondistributableArtifactsCIDRs: [], AllowNondistributableArtifactsHostnames: [] }
  return {
    ...value,
    ...(isBefore(version, "1.50") ? { BridgeNfIptables: false, BridgeNfIp6tables: false } : {}),
    ...(isBefore(version, "1.49")
      ? { FirewallBackend: undefined, RegistryConfig: { ...registry, ...value.RegistryConfig } }
      : {}),
    ...(isBefore(version, "1.50") ? { DiscoveredDevices: undefined } : {}),
    ...(isBefore(version, "1.46") ? { Containerd: undefined } : {}),
    ...(isBefore(version, "1.25")
      ? { ExecutionDriver: "<not supported>", SecurityOptions: value.SecurityOptions?.map(plainName) ?? [] }
      : {}),
  }
}

/** `name=seccomp,profile=builtin` as it was before 1.25: `seccomp`. */
const plainName = (option: string): string => /(?:^|,)name=([^,]*)/.exec(option)?.[1] ?? option

function diskUsage(value: DiskUsageResponse, version: string): unknown {
  return {
    ...value,
    // Here the containers of an image have always been counted.
    Images: value.Images?.map((one) => ({ ...imageSummary(one, version), Containers: one.Containers })) ?? value.Images,
    Containers: value.Containers?.map((one) => containerSummary(one, version)) ?? value.Containers,
    ...(isBefore(version, "1.44") ? { BuilderSize: 0 } : {}),
  }
}

function event(message: EventMessage, version: string): unknown {
  if (message.Type === "image" && message.Action === "create" && isBefore(version, "1.46")) return undefined
  if (!isBefore(version, "1.52") || (message.Type !== "container" && message.Type !== "image")) return message
  const from = message.Type === "container" ? message.Actor.Attributes["image"] : undefined
  const id = message.Actor.ID
  return { status: message.Action, ...(id ? { id } : {}), ...(from ? { from } : {}), ...message }
}
