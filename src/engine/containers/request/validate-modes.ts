import type { ContainerConfig, HostConfig } from "../../../api/container-config.ts"
import { Failure } from "../../../errors/failure.ts"

const refuse = (message: string) => new Failure("invalidArgument", message)
const joins = (mode: string) => mode.startsWith("container:")
const filled = (list: readonly unknown[] | Readonly<Record<string, unknown>> | null | undefined): boolean =>
  list != null && (Array.isArray(list) ? list.length > 0 : Object.keys(list).length > 0)

/** Checks namespace modes, and what cannot go with them. @throws invalidArgument in Docker's words */
export function validateModes(config: ContainerConfig, host: HostConfig): void {
  const named = (mode: string, what: string) => {
    if (joins(mode) && mode === "container:") throw refuse(`invalid ${what} mode: ${mode}`)
  }
  if (!["", "none", "private", "shareable", "host"].includes(host.IpcMode) && !joins(host.IpcMode))
    throw refuse(`invalid IPC mode: ${host.IpcMode}`)
  named(host.IpcMode, "IPC")
  if (!["", "host"].includes(host.PidMode) && !joins(host.PidMode)) throw refuse(`invalid PID mode: ${host.PidMode}`)
  named(host.PidMode, "PID")
  if (!["", "host"].includes(host.UTSMode)) throw refuse(`invalid UTS mode: ${host.UTSMode}`)
  if (!["", "host"].includes(host.UsernsMode)) throw refuse(`invalid user namespace mode: ${host.UsernsMode}`)
  if (!["", "private", "host"].includes(host.CgroupnsMode))
    throw refuse(`invalid cgroup namespace mode: ${host.CgroupnsMode}`)
  if (!["", "default"].includes(host.Isolation)) throw refuse(`invalid isolation '${host.Isolation}' on linux`)
  if (host.UTSMode === "host" && config.Hostname) throw refuse("conflicting options: hostname and the UTS mode")
  if (host.UTSMode === "host" && config.Domainname) throw refuse("conflicting options: domainname and the UTS mode")
  validateNetworkMode(config, host)
}

function validateNetworkMode(config: ContainerConfig, host: HostConfig): void {
  const mode = host.NetworkMode
  if (mode === "host" && filled(host.Links))
    throw refuse(
      "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
    )
  if (!joins(mode) && mode !== "container") return
  if (mode === "container" || mode === "container:")
    throw refuse("invalid network mode: invalid container format container:<name|id>")
  const conflicts: readonly (readonly [boolean, string])[] = [
    [config.Hostname !== "", "hostname and the network mode"],
    [filled(host.Links), "container type network can't be used with links. This would result in undefined behavior"],
    [filled(host.Dns), "dns and the network mode"],
    [filled(host.ExtraHosts), "custom host-to-IP mapping and the network mode"],
    [Boolean(config.MacAddress), "mac-address and the network mode"],
    [filled(host.PortBindings) || host.PublishAllPorts, "port publishing and the container type network mode"],
    [filled(config.ExposedPorts), "port exposing and the container type network mode"],
  ]
  for (const [conflict, what] of conflicts) if (conflict) throw refuse(`conflicting options: ${what}`)
}
