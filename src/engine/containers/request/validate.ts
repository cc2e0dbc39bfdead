import { isIP } from "node:net"
import type { ContainerConfig, HostConfig, PortMap, RestartPolicy } from "../../../api/container-config.ts"
import { Failure, messageOf } from "../../../errors/failure.ts"
import { ulimitNames } from "../../../flag-values/limits.ts"
import type { CgroupMode } from "../../../linux/cgroup-contract.ts"
import { normalizeCapabilities } from "../../../runtime/capabilities.ts"
import { defaultShmSize, maskedPaths, readonlyPaths } from "../../../runtime/defaults.ts"
import { parseDeviceRule } from "../../../runtime/devices.ts"
import { checkSysctls } from "../../../runtime/spec/sysctls.ts"
import { parseSecurityOptions } from "./security-options.ts"
import { validateConfig } from "./validate-config.ts"
import { validateModes } from "./validate-modes.ts"
import { type ResourceFacts, validateResources } from "./validate-resources.ts"
import { validateTmpfs } from "./validate-tmpfs.ts"

/** What a request is checked against. */
export interface HostFacts extends ResourceFacts {
  readonly cgroupMode: CgroupMode
  readonly runtimes: ReadonlySet<string>
  readonly defaultRuntime: string
}

const refuse = (message: string) => new Failure("invalidArgument", message)

/**
 * Checks a container's configuration as the request has it with Docker's rules and words, and completes it: swap is twice
 * the memory, modes and sizes get their defaults, limits that this kernel lacks are left out with a warning. Ports, mounts
 * and volumes are checked where they are resolved.
 * @throws invalidArgument
 */
export function validateContainer(
  config: ContainerConfig,
  host: HostConfig,
  facts: HostFacts,
): { readonly host: HostConfig; readonly warnings: readonly string[] } {
  validateConfig(config)
  validateRestartPolicy(host.RestartPolicy)
  if (host.AutoRemove && !["", "no"].includes(host.RestartPolicy.Name))
    throw refuse("can't create 'AutoRemove' container with restart policy")
  for (const entry of host.ExtraHosts ?? []) validateExtraHost(entry)
  validatePortBindings(host.PortBindings ?? {})
  if (Object.hasOwn(host.Annotations ?? {}, ""))
    throw refuse("invalid Annotations: the empty string is not permitted as an annotation key")
  validateStorageOptions(host.StorageOpt ?? {})
  validateModes(config, host)
  validateCapabilities(host)
  parseSecurityOptions(host.SecurityOpt ?? [])
  checkSysctls(host.Sysctls ?? {}, {
    network: host.NetworkMode === "host" ? "host" : "new",
    ipc: host.IpcMode === "host" ? "host" : "new",
    uts: host.UTSMode === "host" ? "host" : "new",
  })
  for (const rule of host.DeviceCgroupRules ?? []) parseDeviceRule(rule)
  if (host.OomScoreAdj < -1000 || host.OomScoreAdj > 1000)
    throw refuse(`Invalid value ${host.OomScoreAdj}, range for oom score adj is [-1000, 1000]`)
  if ((host.Umask ?? 0) > 0o777) throw refuse(`invalid umask ${host.Umask}: it must be between 0 and 511 (octal 0777)`)
  if (host.ShmSize < 0) throw refuse("SHM size can not be less than 0")
  if (host.Runtime && !facts.runtimes.has(host.Runtime))
    throw refuse(`unknown or invalid runtime name: ${host.Runtime}`)
  for (const limit of host.Ulimits ?? []) validateUlimit(limit)
  for (const [destination, options] of Object.entries(host.Tmpfs ?? {})) validateTmpfs(destination, options)
  const adapted = adaptHostConfig(host, facts)
  const { resources, warnings } = validateResources(adapted, facts)
  const discarded =
    host.NetworkMode === "host" && Object.keys(host.PortBindings ?? {}).length > 0
      ? ["Published ports are discarded when using host network mode"]
      : []
  return { host: resources, warnings: [...discarded, ...warnings] }
}

/** Fills in what a client may leave out. */
export function adaptHostConfig(host: HostConfig, facts: Pick<HostFacts, "cgroupMode" | "defaultRuntime">): HostConfig {
  return {
    ...host,
    PortBindings: host.PortBindings && withBindings(host.PortBindings),
    MemorySwap: host.Memory > 0 && host.MemorySwap === 0 ? Number(host.Memory) * 2 : host.MemorySwap,
    PidsLimit: host.PidsLimit !== null && host.PidsLimit <= 0 ? null : host.PidsLimit,
    OomKillDisable: host.OomKillDisable ?? (facts.cgroupMode === "unified" ? null : false),
    NetworkMode: ["", "default"].includes(host.NetworkMode) ? "bridge" : host.NetworkMode,
    IpcMode: host.IpcMode || "private",
    CgroupnsMode: host.CgroupnsMode || (facts.cgroupMode === "unified" ? "private" : "host"),
    ShmSize: host.ShmSize || defaultShmSize,
    Runtime: host.Runtime || facts.defaultRuntime,
    RestartPolicy: { ...host.RestartPolicy, Name: host.RestartPolicy.Name || "no" },
    ...(host.Privileged
      ? {}
      : {
          MaskedPaths: host.MaskedPaths ?? maskedPaths(),
          ReadonlyPaths: host.ReadonlyPaths ?? readonlyPaths,
        }),
  }
}

/** A port without a binding is published on a port of the host that the kernel chooses. */
const withBindings = (ports: PortMap): PortMap =>
  Object.fromEntries(
    Object.entries(ports).map(([port, list]) => [port, list?.length ? list : [{ HostIp: "", HostPort: "" }]]),
  )

/** @throws invalidArgument in Docker's words */
export function validateRestartPolicy(policy: RestartPolicy): void {
  const start = "invalid restart policy"
  if (!["", "no", "always", "unless-stopped", "on-failure"].includes(policy.Name))
    throw refuse(
      `${start}: unknown policy '${policy.Name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    )
  if (policy.Name !== "on-failure" && policy.MaximumRetryCount !== 0)
    throw refuse(
      `${start}: maximum retry count can only be used with 'on-failure'${policy.MaximumRetryCount < 0 ? " and cannot be negative" : ""}`,
    )
  if (policy.MaximumRetryCount < 0) throw refuse(`${start}: maximum retry count cannot be negative`)
}

/** `NAME:ADDRESS` or `NAME=ADDRESS`; IPv6 may stand in brackets, and `host-gateway` for an address. */
function validateExtraHost(entry: string): void {
  const match = /^([^:=]+)[:=](.*)$/s.exec(entry)
  if (!match) throw refuse(`bad format for add-host: ${JSON.stringify(entry)}`)
  const address = match[2]!.replace(/^\[(.+)\]$/, "$1")
  if (address !== "host-gateway" && isIP(address) === 0)
    throw refuse(`invalid IP address in add-host: ${JSON.stringify(address)}`)
}

function validatePortBindings(bindings: PortMap): void {
  const port = (text: string) => /^\d{1,5}$/.test(text) && Number(text) <= 65535
  for (const [key, list] of Object.entries(bindings)) {
    const number = key.split("/", 1)[0]!
    if (!port(number)) throw refuse(`invalid port specification: ${JSON.stringify(number)}`)
    for (const { HostPort } of list ?? []) {
      const range = HostPort.split("-")
      if (HostPort !== "" && (range.length > 2 || !range.every(port)))
        throw refuse(`invalid port specification: ${JSON.stringify(HostPort)}`)
    }
  }
}

function validateStorageOptions(options: Readonly<Record<string, string>>): void {
  for (const key of Object.keys(options))
    throw refuse(
      key.toLowerCase() === "size"
        ? "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"
        : `unknown option ${key}`,
    )
}

function validateCapabilities(host: HostConfig): void {
  for (const [field, words] of [
    ["CapAdd", host.CapAdd],
    ["CapDrop", host.CapDrop],
  ] as const) {
    try {
      normalizeCapabilities(words ?? [])
    } catch (error) {
      throw new Failure("invalidArgument", `invalid ${field}: ${messageOf(error)}`, error)
    }
  }
}

function validateUlimit(limit: {
  readonly Name: string
  readonly Hard: number | bigint
  readonly Soft: number | bigint
}): void {
  if (!ulimitNames.includes(limit.Name)) throw refuse(`invalid ulimit type: ${limit.Name}`)
  const hard = Number(limit.Hard)
  if (hard !== -1 && (Number(limit.Soft) === -1 || limit.Soft > limit.Hard))
    throw refuse(
      `ulimit soft limit must be less than or equal to hard limit: ${Number(limit.Soft) === -1 ? "soft: -1 (unlimited)" : limit.Soft} > ${limit.Hard}`,
    )
}
