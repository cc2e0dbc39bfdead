import { release } from "node:os"
import type { Seccomp } from "../../oci/runtime-spec.ts"
import type { RuntimeInfo } from "../contract.ts"
import { seccompAnnotation } from "./annotation.ts"
import { compileSeccomp } from "./compile.ts"
import { defaultProfile } from "./default-profile.ts"
import { parseProfile, resolveProfile } from "./profile.ts"

/** What goes into a container's spec. */
export interface SeccompForSpec {
  readonly seccomp?: Seccomp
  readonly annotations?: Readonly<Record<string, string>>
}

/** The most compiled filters kept; a host rarely has more than a few combinations of profile and capabilities. */
const kept = 64

/** Compiles seccomp profiles for containers, each combination of profile and capabilities once. */
export class SeccompFilters {
  readonly #compiled = new Map<string, SeccompForSpec>()

  /**
   * @param profile `default`, or a profile's JSON text as the client sent it
   * @param capabilities of the container's bounding set, with the `CAP_` prefix
   * @throws invalidArgument when the profile is not one
   */
  for(profile: string, capabilities: readonly string[], runtime: Pick<RuntimeInfo, "seccompBpf">): SeccompForSpec {
    const key = `${runtime.seccompBpf} ${[...capabilities].sort().join()} ${profile}`
    const known = this.#compiled.get(key)
    if (known) return known
    const parsed = profile === "default" ? defaultProfile : parseProfile(profile)
    const seccomp = resolveProfile(parsed, { capabilities, kernel: release() })
    // Compiled for every runtime, so that a wrong profile is refused in the same words whichever runs it.
    const program = needsLibrary(seccomp) ? undefined : compileSeccomp(seccomp)
    const made: SeccompForSpec =
      runtime.seccompBpf && program ? { annotations: { [seccompAnnotation]: program.toString("base64") } } : { seccomp }
    if (this.#compiled.size >= kept) this.#compiled.delete(this.#compiled.keys().next().value!)
    this.#compiled.set(key, made)
    return made
  }
}

/** What only the runtime itself can do: load flags, and handing calls to a listener. */
const needsLibrary = (seccomp: Seccomp): boolean =>
  (seccomp.flags?.length ?? 0) > 0 || (seccomp.syscalls ?? []).some((rule) => rule.action === "SCMP_ACT_NOTIFY")
