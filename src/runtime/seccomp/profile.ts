import { Failure } from "../../errors/failure.ts"
import type { Seccomp } from "../../oci/runtime-spec.ts"
import { decodeJson } from "../../std/json.ts"
import { nativeArchitecture } from "./architectures.ts"

/** A condition for a rule; every part that is given must hold (`includes`), or none may (`excludes`). */
export interface ProfileFilter {
  readonly caps?: readonly string[]
  /** Go's names: `amd64`, `arm64`, … */
  readonly arches?: readonly string[]
  readonly minKernel?: string
}

export interface ProfileRule {
  readonly name?: string
  readonly names?: readonly string[]
  readonly action: string
  readonly errnoRet?: number
  readonly args?: readonly {
    readonly index: number
    readonly value: number | bigint
    readonly valueTwo?: number | bigint
    readonly op: string
  }[]
  readonly includes?: ProfileFilter
  readonly excludes?: ProfileFilter
}

/** A seccomp profile in Docker's JSON format. */
export interface Profile {
  readonly defaultAction: string
  readonly defaultErrnoRet?: number
  readonly architectures?: readonly string[]
  readonly archMap?: readonly { readonly architecture: string; readonly subArchitectures?: readonly string[] | null }[]
  readonly flags?: readonly string[]
  readonly syscalls?: readonly ProfileRule[]
}

/** Reads a profile that a client sent. @throws invalidArgument */
export function parseProfile(text: string): Profile {
  let profile: Profile
  try {
    profile = decodeJson(text) as unknown as Profile
  } catch (error) {
    throw invalid(`decoding seccomp profile failed: ${(error as Error).message}`, error)
  }
  if (profile === null || typeof profile !== "object" || Array.isArray(profile))
    throw invalid("decoding seccomp profile failed: it is not a JSON object")
  if (typeof profile.defaultAction !== "string")
    throw invalid("decoding seccomp profile failed: it has no defaultAction")
  if (profile.architectures?.length && profile.archMap?.length)
    throw invalid(
      "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'",
    )
  for (const rule of profile.syscalls ?? [])
    if (rule.name && rule.names?.length)
      throw invalid("both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'")
  return profile
}

const invalid = (message: string, cause?: unknown) => new Failure("invalidArgument", message, cause)

export interface Circumstances {
  /** With the `CAP_` prefix. */
  readonly capabilities: readonly string[]
  /** As in /proc/sys/kernel/osrelease. */
  readonly kernel: string
}

/** The rules of a profile that apply to a container, as the runtime specification has them. */
export function resolveProfile(profile: Profile, circumstances: Circumstances): Seccomp {
  const holds = (filter: ProfileFilter) => ({
    arches: filter.arches?.includes(goArchitecture) ?? true,
    caps: (filter.caps ?? []).every((capability) => circumstances.capabilities.includes(capability)),
    kernel: filter.minKernel === undefined || !olderThan(circumstances.kernel, filter.minKernel),
  })
  const included = (filter: ProfileFilter | undefined) => {
    if (!filter) return true
    const { arches, caps, kernel } = holds(filter)
    return (filter.arches?.length ? arches : true) && caps && kernel
  }
  const excluded = (filter: ProfileFilter | undefined) => {
    if (!filter) return false
    const { arches, kernel } = holds(filter)
    const anyCapability = (filter.caps ?? []).some((one) => circumstances.capabilities.includes(one))
    return (filter.arches?.length ? arches : false) || anyCapability || (filter.minKernel !== undefined && kernel)
  }
  const native = profile.archMap?.find((entry) => entry.architecture === nativeArchitecture)
  const architectures = native
    ? [native.architecture, ...(native.subArchitectures ?? [])]
    : [...(profile.architectures ?? [])]
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(architectures.length > 0 ? { architectures } : {}),
    ...(profile.flags?.length ? { flags: [...profile.flags] } : {}),
    syscalls: (profile.syscalls ?? [])
      .filter((rule) => included(rule.includes) && !excluded(rule.excludes))
      .map((rule) => ({
        names: rule.names?.length ? [...rule.names] : rule.name ? [rule.name] : [],
        action: rule.action,
        ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
        ...(rule.args?.length
          ? { args: rule.args.map(({ index, value, valueTwo, op }) => ({ index, value, valueTwo: valueTwo ?? 0, op })) }
          : {}),
      })),
  }
}

const goArchitecture = process.arch === "arm64" ? "arm64" : "amd64"

function olderThan(kernel: string, minimum: string): boolean {
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number)
  const [wantedMajor = 0, wantedMinor = 0] = minimum.split(".").map(Number)
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor)
}
