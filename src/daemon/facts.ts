import { readFileSync } from "node:fs"
import { hostname } from "node:os"
import type { ContainerContext } from "../engine/containers/context.ts"
import type { SystemFacts } from "../engine/system/service.ts"
import { parseEndpoint } from "../std/http/endpoint.ts"
import { proxySettings } from "../std/http/proxy.ts"
import { newId } from "../std/id.ts"
import type { DaemonConfig } from "./config.ts"
import type { Core } from "./core.ts"

/** What `info` and events tell of this daemon; its ID is made with its first start and stays. */
export function systemFacts(config: DaemonConfig, core: Core): SystemFacts {
  const identity = core.database.collection<string>("daemon")
  const id = identity.get("id") ?? newId()
  identity.put("id", id)
  return {
    id,
    dataRoot: config.roots.data,
    experimental: config.experimental,
    exposed: exposedHosts(config),
    addressPools: config.addressPools,
    snapshotsWhy: core.snapshots.why,
    layers: core.snapshots.layers,
    backingFilesystem: fileSystemOf(config.roots.data),
    seccompProfile: config.seccompProfile ?? "builtin",
    ...changeableFacts(config),
  }
}

/** What is told after the configuration was read again: of that which the running daemon takes over from it. */
export const reloadedFacts = (before: SystemFacts, config: DaemonConfig): SystemFacts => ({
  ...before,
  ...changeableFacts(config),
})

const changeableFacts = (config: DaemonConfig) => ({
  debug: config.debug,
  labels: config.labels,
  insecureRegistries: config.insecureRegistries,
  // Told as dockerd tells them.
  registryMirrors: config.registryMirrors.map((mirror) => `${mirror.replace(/\/+$/, "")}/`),
  proxies: proxySettings(config.proxies, process.env),
})

/** The addresses at which everyone is served who reaches them. */
function exposedHosts({ hosts, tls, roots }: DaemonConfig): SystemFacts["exposed"] {
  if (tls?.verify) return []
  return hosts.flatMap((host) => {
    const endpoint = parseEndpoint(host, { path: roots.run, tls: tls !== undefined })
    return endpoint.kind === "tcp"
      ? [{ address: `${endpoint.host}:${endpoint.port}`, encrypted: tls !== undefined }]
      : []
  })
}

/** The type of the file system that holds `path`, by the longest mount point above it. */
function fileSystemOf(path: string): string {
  let best = { point: "", type: "unknown" }
  for (const line of readFileSync("/proc/self/mounts", "utf8").split("\n")) {
    const [, point = "", type = ""] = line.split(" ")
    const above = point === "/" || path === point || path.startsWith(`${point}/`)
    if (above && point.length >= best.point.length) best = { point, type }
  }
  return best.type
}

/** What an event about a configuration that was read again tells. */
export function reloadAttributes(
  config: DaemonConfig,
  { runtimes, defaults }: ContainerContext,
): Record<string, string> {
  const listed = (values: readonly string[]) => JSON.stringify(values)
  return {
    name: hostname(),
    debug: String(config.debug),
    labels: listed(config.labels),
    "default-runtime": runtimes[0]!.name,
    "default-shm-size": String(defaults.shmSize),
    "default-ipc-mode": defaults.ipcMode,
    "insecure-registries": listed(config.insecureRegistries),
    "registry-mirrors": listed(config.registryMirrors),
    "live-restore": "true",
    runtimes: listed(runtimes.map((each) => each.name)),
  }
}
