import type { ContainerConfig, HostConfig, Ulimit } from "../../api/container-config.ts"
import type { Process, RuntimeSpec } from "../../oci/runtime-spec.ts"
import type { AppArmor } from "../../runtime/apparmor/load.ts"
import { processCapabilities, resolveCapabilities } from "../../runtime/capabilities.ts"
import { maskedPaths, readonlyPaths } from "../../runtime/defaults.ts"
import { type ResolvedUser, resolveUser } from "../../runtime/users.ts"
import { environmentOf, withVariables } from "./environment.ts"
import { commandOf } from "./merge.ts"
import { namespacesOf, sysctlsOf } from "./namespaces.ts"
import { parseSecurityOptions, type SecurityOptions } from "./security-options.ts"
import type { SpecInput } from "./spec-input.ts"
import { initInContainer, mountsOf, rootPropagation, wantsInit } from "./spec-mounts.ts"
import { devicesOf, limitsOf } from "./spec-resources.ts"

/**
 * The runtime specification of a container. The user is root until {@link applyUser} has looked into the mounted root;
 * `root.path` is for the task service to fill in.
 * @throws invalidArgument in Docker's words for options that make no sense on this host
 */
export function buildSpec(input: SpecInput): RuntimeSpec {
  const { config, host } = input
  const security = parseSecurityOptions(host.SecurityOpt ?? [])
  const capabilities = capabilitiesOf(host)
  const devices = devicesOf(host)
  const filter = seccompOf(input, security, capabilities)
  const sysctl = sysctlsOf(input)
  const mounts = mountsOf(input)
  const propagation = rootPropagation(mounts)
  const paths = hiddenPaths(host, security)
  return {
    // The lowest version that covers what is used: crun 1.8 refuses those it does not know.
    ociVersion: "1.0.2",
    process: {
      ...processOf(input, security, capabilities),
      args: [...(wantsInit(input) ? [initInContainer, "--"] : []), ...commandOf(config)],
      env: environmentOf(config, input.linked),
      cwd: config.WorkingDir || "/",
    },
    root: { path: "", readonly: host.ReadonlyRootfs },
    ...(host.UTSMode === "host" ? {} : { hostname: config.Hostname }),
    mounts,
    linux: {
      namespaces: namespacesOf(input),
      devices: [...devices.nodes],
      ...(input.cgroupPath ? { cgroupsPath: input.cgroupPath } : {}),
      resources: { ...limitsOf(host), devices: [...devices.rules] },
      ...(Object.keys(sysctl).length > 0 ? { sysctl } : {}),
      ...(propagation ? { rootfsPropagation: propagation } : {}),
      ...(filter.seccomp ? { seccomp: filter.seccomp } : {}),
      ...paths,
    },
    annotations: { ...host.Annotations, ...filter.annotations },
  }
}

/**
 * Sets who the container runs as, by the passwd and group files of its mounted root, with what depends on it: groups,
 * capabilities, HOME.
 * @throws invalidArgument in Docker's words for unknown names
 */
export function applyUser(spec: RuntimeSpec, root: string, config: ContainerConfig, host: HostConfig): void {
  setUser(spec.process, resolveUser(root, config.User, host.GroupAdd ?? []), capabilitiesOf(host))
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

/**
 * The OCI process of an exec in a container that runs by `spec`.
 * @param root the container's root, for names of users
 * @throws invalidArgument in Docker's words for unknown names
 */
export function execProcess(
  spec: RuntimeSpec,
  root: string,
  config: ContainerConfig,
  host: HostConfig,
  options: ExecOptions,
): Process {
  const process: Process = {
    ...spec.process,
    terminal: options.tty,
    args: [...options.args],
    env: withVariables(environmentOf({ ...config, Tty: options.tty }, options.linked), options.env),
    cwd: options.cwd || spec.process.cwd,
  }
  delete process.consoleSize
  if (options.tty && options.consoleSize) process.consoleSize = { ...options.consoleSize }
  // Absent would be the confinement that a process joins with the others.
  if (options.privileged && process.apparmorProfile) process.apparmorProfile = "unconfined"
  const capabilities = capabilitiesOf(options.privileged ? { ...host, Privileged: true } : host)
  setUser(process, resolveUser(root, options.user || config.User, host.GroupAdd ?? []), capabilities)
  return process
}

function setUser(process: Process, user: ResolvedUser, capabilities: readonly string[]): void {
  process.user = { ...process.user, uid: user.uid, gid: user.gid, additionalGids: [...user.additionalGids] }
  process.capabilities = processCapabilities(user.uid, capabilities)
  const others = process.env.filter((line) => line !== "HOME=")
  if (!others.some((line) => line.startsWith("HOME="))) process.env = [...others, `HOME=${user.home}`]
}

const capabilitiesOf = (host: HostConfig): readonly string[] =>
  resolveCapabilities({ add: host.CapAdd ?? [], drop: host.CapDrop ?? [], privileged: host.Privileged })

function processOf(
  { config, host, apparmor }: SpecInput,
  security: SecurityOptions,
  capabilities: readonly string[],
): Pick<Process, "terminal" | "user"> & Partial<Process> {
  const [height, width] = host.ConsoleSize
  const profile = appArmorProfile(host, security, apparmor)
  return {
    terminal: config.Tty,
    ...(config.Tty && height > 0 && width > 0 ? { consoleSize: { height, width } } : {}),
    user: { uid: 0, gid: 0, ...(host.Umask === undefined ? {} : { umask: host.Umask }) },
    capabilities: processCapabilities(0, capabilities),
    noNewPrivileges: security.noNewPrivileges,
    ...(host.OomScoreAdj === 0 ? {} : { oomScoreAdj: host.OomScoreAdj }),
    ...(host.Ulimits?.length ? { rlimits: host.Ulimits.map(rlimit) } : {}),
    ...(profile ? { apparmorProfile: profile } : {}),
  }
}

/**
 * The AppArmor profile that confines a container: the one asked for, else the default; `undefined` where the kernel has
 * none, and for privileged containers that ask for none.
 */
export function appArmorProfile(
  host: Pick<HostConfig, "Privileged">,
  security: Pick<SecurityOptions, "apparmor">,
  apparmor: AppArmor,
): string | undefined {
  const asked = security.apparmor
  if (!apparmor.enabled || asked === "unconfined") return undefined
  // Docker's own default, asked for by name, is the default here.
  if (asked && asked !== "docker-default") return asked
  return host.Privileged && !asked ? undefined : apparmor.defaultProfile
}

/** -1 is no limit, which the kernel writes as the largest number. */
const rlimit = (limit: Ulimit) => {
  const value = (one: Ulimit["Hard"]) => (Number(one) === -1 ? 0xffffffffffffffffn : one)
  return { type: `RLIMIT_${limit.Name.toUpperCase()}`, hard: value(limit.Hard), soft: value(limit.Soft) }
}

function seccompOf(input: SpecInput, security: SecurityOptions, capabilities: readonly string[]) {
  const profile = security.seccomp
  if (profile === "unconfined") return {}
  const builtin = profile === undefined || profile === "" || profile === "builtin"
  if (input.host.Privileged && builtin) return {}
  return input.seccomp.for(builtin ? "default" : profile, capabilities, input.runtime)
}

function hiddenPaths(
  host: HostConfig,
  security: SecurityOptions,
): { maskedPaths?: string[]; readonlyPaths?: string[] } {
  if (host.Privileged || security.systemPathsUnconfined) return {}
  return {
    maskedPaths: [...(host.MaskedPaths ?? maskedPaths())],
    readonlyPaths: [...(host.ReadonlyPaths ?? readonlyPaths)],
  }
}
