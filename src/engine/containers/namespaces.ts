import type { HostConfig } from "../../api/container-config.ts"
import { Failure } from "../../errors/failure.ts"
import type { LinuxSpec } from "../../oci/runtime-spec.ts"
import type { Neighbour, SpecInput } from "./spec-input.ts"

type Namespace = LinuxSpec["namespaces"][number]

/** The namespaces of a container: an entry without a path is a new one, an absent type the host's. */
export function namespacesOf(input: SpecInput): Namespace[] {
  const { host, network } = input
  const found: Namespace[] = [{ type: "mount" }]
  if (network.kind === "private") found.push({ type: "network" })
  if (network.kind === "path") found.push({ type: "network", path: network.path })
  if (host.UTSMode !== "host") found.push({ type: "uts" })
  const shared = (type: "pid" | "ipc", mode: string, neighbour: Neighbour | undefined) => {
    if (mode === "host") return
    found.push(mode.startsWith("container:") ? { type, path: `/proc/${pidOf(mode, neighbour)}/ns/${type}` } : { type })
  }
  shared("pid", host.PidMode, input.pidFrom)
  shared("ipc", host.IpcMode, input.ipcFrom)
  if (host.CgroupnsMode === "private") found.push({ type: "cgroup" })
  return found
}

function pidOf(mode: string, neighbour: Neighbour | undefined): number {
  if (neighbour) return neighbour.pid
  throw new Failure("conflict", `cannot join the namespace of ${mode}: that container is not running`)
}

/** Sysctls that belong to the IPC namespace (runtime specification, "Sysctl"). */
const ofIpc = new Set([
  "kernel.msgmax",
  "kernel.msgmnb",
  "kernel.msgmni",
  "kernel.sem",
  "kernel.shmall",
  "kernel.shmmax",
  "kernel.shmmni",
  "kernel.shm_rmid_forced",
])
const ofUts = new Set(["kernel.domainname", "kernel.hostname"])

/** Refuses sysctls that would change the host. @throws invalidArgument naming the one */
export function checkSysctls(sysctls: Readonly<Record<string, string>>, host: HostConfig): void {
  for (const written of Object.keys(sysctls)) {
    const name = written.replaceAll("/", ".")
    const refuse = (why: string) => new Failure("invalidArgument", `sysctl "${written}" ${why}`)
    if (name.startsWith("net.")) {
      if (host.NetworkMode === "host") throw refuse("not allowed in host network namespace")
    } else if (ofIpc.has(name) || name.startsWith("fs.mqueue.")) {
      if (host.IpcMode === "host") throw refuse("not allowed in host ipc namespace")
    } else if (ofUts.has(name)) {
      if (host.UTSMode === "host") throw refuse("not allowed in host UTS namespace")
    } else throw refuse("is not in a separate kernel namespace")
  }
}

/** The sysctls of a container. With a network of its own, low ports and ping need no privilege. @throws invalidArgument */
export function sysctlsOf(input: SpecInput): Record<string, string> {
  checkSysctls(input.host.Sysctls ?? {}, input.host)
  const unprivileged: Record<string, string> =
    input.network.kind === "host"
      ? {}
      : { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" }
  const domain: Record<string, string> =
    input.config.Domainname && input.host.UTSMode !== "host" ? { "kernel.domainname": input.config.Domainname } : {}
  const ipv4Only = Object.fromEntries(
    (input.network.kind === "path" ? (input.network.ipv4Only ?? []) : [])
      .filter((name) => !name.includes("."))
      .map((name) => [`net.ipv6.conf.${name}.disable_ipv6`, "1"]),
  )
  return { ...unprivileged, ...ipv4Only, ...domain, ...input.host.Sysctls }
}
