import type { ContainerConfig, HostConfig, Ulimit } from "../../../api/container-config.ts"
import { Failure } from "../../../errors/failure.ts"
import type { AppArmor } from "../../../runtime/apparmor/load.ts"
import { defaultShmSize } from "../../../runtime/defaults.ts"
import { mapDevice, parseDeviceRule } from "../../../runtime/devices.ts"
import type { NamespaceChoice, ReadyMount, SpecRequest } from "../../../runtime/spec/contract.ts"
import { usualVariables, withVariables } from "../../../runtime/spec/environment.ts"
import type { FurtherProcessRequest } from "../../../runtime/spec/process.ts"
import type { NamespaceOwner, SpecInput } from "./contract.ts"
import { limitsOf } from "./limits.ts"
import { commandOf } from "./merge.ts"
import { capabilitiesOf, securityOf } from "./security-options.ts"

/**
 * A container's request in the words of the runtime specification.
 * @throws invalidArgument in Docker's words for options that make no sense on this host, and what a owner does not share
 */
export function specRequest(input: SpecInput, apparmor: AppArmor): SpecRequest {
  const { config, host } = input
  const [height, width] = host.ConsoleSize
  const shm = sharedMemory(input)
  const init = initOf(input)
  return {
    process: {
      args: commandOf(config),
      env: environmentOf(config, input.linked),
      cwd: config.WorkingDir || "/",
      terminal: config.Tty,
      ...(height > 0 && width > 0 ? { consoleSize: { height, width } } : {}),
      ...(host.Umask === undefined ? {} : { umask: host.Umask }),
      ...(host.OomScoreAdj === 0 ? {} : { oomScoreAdj: host.OomScoreAdj }),
      rlimits: (host.Ulimits ?? []).map(rlimit),
    },
    user: { name: config.User, groups: host.GroupAdd ?? [] },
    hostname: config.Hostname,
    domainname: config.Domainname,
    readonlyRoot: host.ReadonlyRootfs,
    namespaces: {
      network: input.network,
      uts: host.UTSMode === "host" ? "host" : "new",
      pid: shared("pid", host.PidMode, input.pidFrom),
      ipc: shared("ipc", host.IpcMode, input.ipcFrom),
      cgroup: host.CgroupnsMode === "private" ? "new" : "host",
    },
    mounts: [...input.mounts, ...tmpfsMounts(host)],
    files: input.files,
    ...(shm ? { sharedMemory: shm } : {}),
    security: securityOf(host, apparmor),
    resources: limitsOf(host),
    // Privileged containers have every device: theirs need not exist.
    devices: host.Privileged
      ? []
      : (host.Devices ?? []).flatMap((one) =>
          mapDevice(one.PathOnHost, one.PathInContainer || one.PathOnHost, one.CgroupPermissions || "rwm"),
        ),
    deviceRules: host.Privileged ? [] : (host.DeviceCgroupRules ?? []).map(parseDeviceRule),
    sysctl: host.Sysctls ?? {},
    annotations: host.Annotations ?? {},
    ...(init ? { init } : {}),
  }
}

/** What an exec may ask for. */
export interface ExecOptions {
  readonly args: readonly string[]
  readonly env: readonly string[]
  /** The variables of the container's links. */
  readonly linked?: readonly string[]
  /** Absent or empty: the container's. */
  readonly user?: string
  /** Absent or empty: the container's. */
  readonly cwd?: string
  readonly tty: boolean
  /** Of the terminal; absent: the kernel's default. */
  readonly consoleSize?: { readonly height: number; readonly width: number }
  readonly privileged: boolean
}

/** An exec in the words of the runtime specification. */
export const execRequest = (
  config: ContainerConfig,
  host: HostConfig,
  options: ExecOptions,
): FurtherProcessRequest => ({
  args: options.args,
  env: withVariables(environmentOf({ ...config, Tty: options.tty }, options.linked), options.env),
  ...(options.cwd ? { cwd: options.cwd } : {}),
  terminal: options.tty,
  ...(options.consoleSize ? { consoleSize: options.consoleSize } : {}),
  user: { name: options.user || config.User, groups: host.GroupAdd ?? [] },
  capabilities: capabilitiesOf(options.privileged ? { ...host, Privileged: true } : host),
  privileged: options.privileged,
})

/** The variables of a container's processes: the usual ones, those of its links, the container's own. */
export const environmentOf = (config: ContainerConfig, linked: readonly string[] = []): string[] =>
  withVariables([...usualVariables({ hostname: config.Hostname, terminal: config.Tty }), ...linked], config.Env ?? [])

/** -1 is no limit, which the kernel writes as the largest number. */
const rlimit = (limit: Ulimit) => {
  const value = (one: Ulimit["Hard"]) => (Number(one) === -1 ? 0xffffffffffffffffn : one)
  return { type: `RLIMIT_${limit.Name.toUpperCase()}`, hard: value(limit.Hard), soft: value(limit.Soft) }
}

function shared(type: "pid" | "ipc", mode: string, owner: NamespaceOwner | undefined): NamespaceChoice {
  if (mode === "host") return "host"
  if (!mode.startsWith("container:")) return "new"
  if (owner) return { path: `/proc/${owner.pid}/ns/${type}` }
  throw new Failure("conflict", `cannot join the namespace of ${mode}: that container is not running`)
}

function sharedMemory({ host, ipcFrom, shmPath }: SpecInput): SpecRequest["sharedMemory"] {
  const mode = host.IpcMode
  if (mode === "none") return undefined
  if (mode === "host") return { source: "/dev/shm" }
  if (mode.startsWith("container:")) {
    if (ipcFrom?.shmPath) return { source: ipcFrom.shmPath }
    throw new Failure(
      "invalidArgument",
      `can't join IPC of container ${mode.slice("container:".length)}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    )
  }
  if (mode === "shareable" && shmPath) return { source: shmPath }
  return { size: Number(host.ShmSize) || defaultShmSize }
}

const tmpfsMounts = (host: HostConfig): ReadyMount[] =>
  Object.entries(host.Tmpfs ?? {}).map(([destination, options]) => ({
    type: "tmpfs",
    destination,
    options: options.split(",").filter(Boolean),
  }))

/** The init program; only a process 1 of the container's own can be replaced. @throws invalidArgument when there is none */
function initOf({ host, initPath }: SpecInput): string | undefined {
  if (host.Init !== true || host.PidMode !== "") return undefined
  if (initPath) return initPath
  throw new Failure(
    "invalidArgument",
    "--init needs an init program on the host: install the package tini or catatonit, or run without --init",
  )
}
