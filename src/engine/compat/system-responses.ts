import type { EventMessage } from "../../api/events.ts"
import type { DiskUsageResponse, InfoResponse } from "../../api/system.ts"
import { containerSummary } from "./container-responses.ts"
import { imageSummary } from "./image-responses.ts"
import { isBefore } from "./version.ts"

/** `GET /info` */
export function info(value: InfoResponse, version: string): unknown {
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

/** `GET /system/df`: before 1.52 lists only, which 1.52 and later add to the sums unless `verbose` is asked for. */
export function diskUsage(value: DiskUsageResponse, version: string): unknown {
  if (!isBefore(version, "1.52")) return value
  const { LayersSize, Images, Containers, Volumes, BuildCache } = value
  return {
    LayersSize,
    // Here the containers of an image have always been counted.
    Images: Images?.map((one) => ({ ...imageSummary(one, version), Containers: one.Containers })),
    Containers: Containers?.map((one) => containerSummary(one, version)),
    Volumes,
    BuildCache,
    ...(isBefore(version, "1.44") ? { BuilderSize: 0 } : {}),
  }
}

/** One record of `GET /events`; undefined for an event that the version does not know. */
export function event(message: EventMessage, version: string): unknown {
  if (message.Type === "image" && message.Action === "create" && isBefore(version, "1.46")) return undefined
  if (!isBefore(version, "1.52") || (message.Type !== "container" && message.Type !== "image")) return message
  const from = message.Type === "container" ? message.Actor.Attributes["image"] : undefined
  const id = message.Actor.ID
  return { status: message.Action, ...(id ? { id } : {}), ...(from ? { from } : {}), ...message }
}
