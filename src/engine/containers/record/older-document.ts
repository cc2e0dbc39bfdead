import { askedFor, noSettings } from "../../networks/endpoint.ts"
import type { ContainerDocument } from "./container.ts"

/**
 * A document as this build wants it, from one that an older build wrote: those that knew the default bridge alone kept what
 * the client had sent of networks, by the name it used, and nothing where it sent nothing.
 */
export function upToDate(document: ContainerDocument): ContainerDocument {
  const { networking, hostConfig, config } = document
  const entries = Object.entries(networking?.EndpointsConfig ?? {})
  const current = entries.length > 0 && !entries.some(([name]) => name === "default")
  if (current || hostConfig.NetworkMode.startsWith("container:") || config.NetworkDisabled) return document
  const mode = hostConfig.NetworkMode === "default" ? "bridge" : hostConfig.NetworkMode
  const renamed = entries.map(([name, settings]) => [
    name === "default" ? "bridge" : name,
    settings ? askedFor(settings) : noSettings,
  ])
  return {
    ...document,
    networking: { EndpointsConfig: renamed.length > 0 ? Object.fromEntries(renamed) : { [mode]: noSettings } },
  }
}
