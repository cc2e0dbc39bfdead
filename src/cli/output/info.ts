import type { InfoResponse } from "../../api/system.ts"
import { bytesSize } from "../../std/byte-size.ts"

/** The server's part of `docker info`, from the line after `Server:` on. */
export function serverInfo(info: InfoResponse): string {
  const lines: string[] = []
  const add = (depth: number, label: string, value: string | number | boolean) =>
    lines.push(`${" ".repeat(depth)}${label}: ${value}`)
  const title = (depth: number, label: string) => lines.push(`${" ".repeat(depth)}${label}:`)
  const texts = (depth: number, values: readonly string[]) =>
    lines.push(...values.map((value) => " ".repeat(depth) + value))

  add(1, "Containers", info.Containers)
  add(2, "Running", info.ContainersRunning)
  add(2, "Paused", info.ContainersPaused)
  add(2, "Stopped", info.ContainersStopped)
  add(1, "Images", info.Images)
  if (info.ServerVersion) add(1, "Server Version", info.ServerVersion)
  add(1, "Storage Driver", info.Driver)
  for (const [label, value] of info.DriverStatus ?? []) add(2, label, value)
  if (info.LoggingDriver) add(1, "Logging Driver", info.LoggingDriver)
  if (info.CgroupDriver) add(1, "Cgroup Driver", info.CgroupDriver)
  if (info.CgroupVersion) add(1, "Cgroup Version", info.CgroupVersion)
  plugins()
  add(1, "Swarm", info.Swarm?.LocalNodeState ?? "inactive")
  add(
    1,
    "Runtimes",
    Object.keys(info.Runtimes ?? {})
      .sort()
      .join(" "),
  )
  add(1, "Default Runtime", info.DefaultRuntime)
  add(1, "Init Binary", info.InitBinary)
  add(1, "containerd version", info.ContainerdCommit?.ID ?? "")
  add(1, "runc version", info.RuncCommit?.ID ?? "")
  add(1, "init version", info.InitCommit?.ID ?? "")
  securityOptions()
  if (info.KernelVersion) add(1, "Kernel Version", info.KernelVersion)
  if (info.OperatingSystem) add(1, "Operating System", info.OperatingSystem)
  if (info.OSType) add(1, "OSType", info.OSType)
  if (info.Architecture) add(1, "Architecture", info.Architecture)
  add(1, "CPUs", info.NCPU)
  add(1, "Total Memory", bytesSize(info.MemTotal))
  if (info.Name) add(1, "Name", info.Name)
  if (info.ID) add(1, "ID", info.ID)
  add(1, "Docker Root Dir", info.DockerRootDir)
  add(1, "Debug Mode", info.Debug)
  if (info.Debug) {
    add(2, "File Descriptors", info.NFd)
    add(2, "Goroutines", info.NGoroutines)
    add(2, "System Time", info.SystemTime)
    add(2, "EventsListeners", info.NEventsListener)
  }
  if (info.HttpProxy) add(1, "HTTP Proxy", info.HttpProxy)
  if (info.HttpsProxy) add(1, "HTTPS Proxy", info.HttpsProxy)
  if (info.NoProxy) add(1, "No Proxy", info.NoProxy)
  if (info.Labels?.length) {
    title(1, "Labels")
    texts(2, info.Labels)
  }
  add(1, "Experimental", info.ExperimentalBuild)
  registries()
  add(1, "Live Restore Enabled", info.LiveRestoreEnabled)
  if (info.ProductLicense) add(1, "Product License", info.ProductLicense)
  if (info.DefaultAddressPools?.length) {
    title(1, "Default Address Pools")
    for (const pool of info.DefaultAddressPools) lines.push(`   Base: ${pool.Base}, Size: ${pool.Size}`)
  }
  if (info.FirewallBackend?.Driver) {
    add(1, "Firewall Backend", info.FirewallBackend.Driver)
    for (const [label, value] of info.FirewallBackend.Info ?? []) add(2, label, value)
  }
  return `${lines.join("\n")}\n\n`

  function plugins(): void {
    title(1, "Plugins")
    add(2, "Volume", (info.Plugins?.Volume ?? []).join(" "))
    add(2, "Network", (info.Plugins?.Network ?? []).join(" "))
    if (info.Plugins?.Authorization?.length) add(2, "Authorization", info.Plugins.Authorization.join(" "))
    add(2, "Log", (info.Plugins?.Log ?? []).join(" "))
    if (info.CDISpecDirs?.length) {
      title(1, "CDI spec directories")
      texts(2, info.CDISpecDirs)
    }
  }

  function securityOptions(): void {
    if (!info.SecurityOptions?.length) return
    title(1, "Security Options")
    for (const option of info.SecurityOptions) {
      const pairs = option.split(",").map((pair) => pair.split("=") as [string, string])
      for (const [key, value] of pairs) {
        if (key === "name") lines.push(`  ${value}`)
        else add(3, key[0]!.toUpperCase() + key.slice(1), value)
      }
    }
  }

  function registries(): void {
    const indexes = Object.values(info.RegistryConfig?.IndexConfigs ?? {})
    const insecure = [
      ...indexes.filter((index) => !index.Secure).map((index) => index.Name),
      ...(info.RegistryConfig?.InsecureRegistryCIDRs ?? []),
    ]
    if (insecure.length > 0) {
      title(1, "Insecure Registries")
      texts(2, insecure)
    }
    if (info.RegistryConfig?.Mirrors?.length) {
      title(1, "Registry Mirrors")
      texts(2, info.RegistryConfig.Mirrors)
    }
  }
}
