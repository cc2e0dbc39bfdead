import { noSettings } from "../../../api/network.ts"
import type { ContainerDocument } from "./document.ts"
import { requestedSettings } from "./endpoint-settings.ts"

/**
 * Converts a document that an older build wrote. Builds that knew only the default bridge kept the networks of the request as
 * the client had named them, and none when it had sent none.
 */
export function upToDate(document: ContainerDocument): ContainerDocument {
  const { networking, hostConfig, config } = document
  const entries = Object.entries(networking?.EndpointsConfig ?? {})
  const current = entries.length > 0 && !entries.some(([name]) => name === "default")
  if (current || hostConfig.NetworkMode.startsWith("container:") || config.NetworkDisabled) return document
  const mode = hostConfig.NetworkMode === "default" ? "bridge" : hostConfig.NetworkMode
  const renamed = entries.map(([name, settings]) => [
    name === "default" ? "bridge" : name,
    settings ? requestedSettings(settings) : noSettings,
  ])
  return {
    ...document,
    networking: { EndpointsConfig: renamed.length > 0 ? Object.fromEntries(renamed) : { [mode]: noSettings } },
  }
}
