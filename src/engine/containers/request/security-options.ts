import type { HostConfig } from "../../../api/container-config.ts"
import { Failure } from "../../../errors/failure.ts"
import type { AppArmor } from "../../../runtime/apparmor/load.ts"
import { resolveCapabilities } from "../../../runtime/capabilities.ts"
import type { SecurityRequest } from "../../../runtime/spec/contract.ts"
import { appArmorProfile } from "../../../runtime/spec/security.ts"

/** What `--security-opt` asks for. */
export interface SecurityOptions {
  readonly noNewPrivileges: boolean
  /** `unconfined`, `builtin`, or a profile's JSON text; absent: the default. */
  readonly seccomp?: string
  /** A profile's name or `unconfined`; absent: the default. */
  readonly apparmor?: string
  /** SELinux options; accepted, and without effect on hosts without SELinux. */
  readonly labels: readonly string[]
  /** Neither masked nor read-only paths. */
  readonly systemPathsUnconfined: boolean
  /** The container's cgroups may be written to from within. */
  readonly writableCgroups: boolean
}

/** @throws invalidArgument in Docker's words */
export function parseSecurityOptions(options: readonly string[]): SecurityOptions {
  let noNewPrivileges = false
  let systemPathsUnconfined = false
  let writableCgroups = false
  const named: { seccomp?: string; apparmor?: string } = {}
  const labels: string[] = []
  for (const option of options) {
    if (option === "no-new-privileges") {
      noNewPrivileges = true
      continue
    }
    if (option === "writable-cgroups") {
      writableCgroups = true
      continue
    }
    if (option === "disable") {
      labels.push(option)
      continue
    }
    const at = option.includes("=") ? option.indexOf("=") : option.indexOf(":")
    if (at < 0) throw new Failure("invalidArgument", `invalid --security-opt 1: "${option}"`)
    const key = option.slice(0, at)
    const value = option.slice(at + 1)
    if (key === "label") labels.push(value)
    else if (key === "seccomp" || key === "apparmor") named[key] = value
    else if (key === "no-new-privileges" && boolean(value) !== undefined) noNewPrivileges = boolean(value)!
    else if (key === "writable-cgroups" && boolean(value) !== undefined) writableCgroups = boolean(value)!
    else if (key === "systempaths" && value === "unconfined") systemPathsUnconfined = true
    else throw new Failure("invalidArgument", `invalid --security-opt 2: "${option}"`)
  }
  return { noNewPrivileges, labels, systemPathsUnconfined, writableCgroups, ...named }
}

/** Go's strconv.ParseBool. */
function boolean(word: string): boolean | undefined {
  if (/^(1|t|T|true|TRUE|True)$/.test(word)) return true
  return /^(0|f|F|false|FALSE|False)$/.test(word) ? false : undefined
}

/** How a container is confined, by `--privileged`, `--cap-add`, `--cap-drop` and `--security-opt`. @throws invalidArgument */
export function securityOf(host: HostConfig, apparmor: AppArmor): SecurityRequest {
  const options = parseSecurityOptions(host.SecurityOpt ?? [])
  const seccomp = options.seccomp === "builtin" ? undefined : options.seccomp
  const profile = askedProfile(options, apparmor)
  const hidden = (paths: readonly string[] | null) => (options.systemPathsUnconfined ? [] : paths)
  const maskedPaths = hidden(host.MaskedPaths)
  const readonlyPaths = hidden(host.ReadonlyPaths)
  return {
    privileged: host.Privileged,
    capabilities: capabilitiesOf(host),
    noNewPrivileges: options.noNewPrivileges,
    ...(seccomp ? { seccomp } : {}),
    ...(profile ? { apparmor: profile } : {}),
    ...(maskedPaths ? { maskedPaths } : {}),
    ...(readonlyPaths ? { readonlyPaths } : {}),
    writableCgroups: options.writableCgroups,
  }
}

/** The bounding set of a container. @throws invalidArgument in Docker's words */
export const capabilitiesOf = (host: Pick<HostConfig, "CapAdd" | "CapDrop" | "Privileged">): readonly string[] =>
  resolveCapabilities({ add: host.CapAdd ?? [], drop: host.CapDrop ?? [], privileged: host.Privileged })

/** The AppArmor profile that a container runs by; undefined when it is not confined. */
export function profileOf(host: HostConfig, apparmor: AppArmor): string | undefined {
  const profile = askedProfile(parseSecurityOptions(host.SecurityOpt ?? []), apparmor)
  return appArmorProfile({ privileged: host.Privileged, ...(profile ? { apparmor: profile } : {}) }, apparmor)
}

/** Docker's own default, asked for by name, is the default here. */
const askedProfile = ({ apparmor: asked }: SecurityOptions, { defaultProfile }: AppArmor): string | undefined =>
  asked === "docker-default" ? defaultProfile : asked
