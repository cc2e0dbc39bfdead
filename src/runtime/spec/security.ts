import type { LinuxSpec } from "../../oci/runtime-spec.ts"
import { type AppArmor, checkProfile } from "../apparmor/load.ts"
import { maskedPaths, readonlyPaths } from "../defaults.ts"
import type { SeccompForSpec } from "../seccomp/filter.ts"
import type { SecurityRequest, SpecHost } from "./contract.ts"

/**
 * The AppArmor profile that confines a container: the one asked for, else the default; `undefined` where the kernel has
 * none, and for privileged containers that ask for none.
 */
export function appArmorProfile(
  security: Pick<SecurityRequest, "privileged" | "apparmor">,
  apparmor: AppArmor,
): string | undefined {
  const asked = security.apparmor
  if (!apparmor.enabled || asked === "unconfined") return undefined
  if (asked) return asked
  return security.privileged ? undefined : apparmor.defaultProfile
}

/** As {@link appArmorProfile}. @throws invalidArgument when the kernel does not have the profile */
export function confiningProfile(security: SecurityRequest, apparmor: AppArmor): string | undefined {
  const profile = appArmorProfile(security, apparmor)
  if (profile) checkProfile(profile)
  return profile
}

/** The filter of system calls; privileged containers have only one that they ask for. @throws invalidArgument for a profile that is none */
export function seccompOf(
  security: SecurityRequest,
  { seccomp, runtime }: Pick<SpecHost, "seccomp" | "runtime">,
): SeccompForSpec {
  const profile = security.seccomp
  if (profile === "unconfined" || (security.privileged && profile === undefined)) return {}
  return seccomp.for(profile ?? "default", security.capabilities, runtime)
}

export function hiddenPaths(security: SecurityRequest): Pick<LinuxSpec, "maskedPaths" | "readonlyPaths"> {
  if (security.privileged) return {}
  return {
    maskedPaths: [...(security.maskedPaths ?? maskedPaths())],
    readonlyPaths: [...(security.readonlyPaths ?? readonlyPaths)],
  }
}
