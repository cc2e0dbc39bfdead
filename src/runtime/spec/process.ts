import type { Process, RuntimeSpec } from "../../oci/runtime-spec.ts"
import { processCapabilities } from "../capabilities.ts"
import { resolveUser } from "../users.ts"
import type { ProcessRequest, SpecHost, SpecRequest, UserRequest } from "./contract.ts"
import { confiningProfile } from "./security.ts"

/** The first process of a container, without an init program. @throws invalidArgument for unknown users and profiles */
export function processOf({ process, user, security }: SpecRequest, { apparmor }: SpecHost, root: string): Process {
  const profile = confiningProfile(security, apparmor)
  return withUser(
    {
      terminal: process.terminal,
      ...(process.terminal && process.consoleSize ? { consoleSize: { ...process.consoleSize } } : {}),
      user: { uid: 0, gid: 0, ...(process.umask === undefined ? {} : { umask: process.umask }) },
      args: [...process.args],
      env: [...process.env],
      cwd: process.cwd,
      noNewPrivileges: security.noNewPrivileges,
      ...(process.oomScoreAdj === undefined ? {} : { oomScoreAdj: process.oomScoreAdj }),
      ...(process.rlimits?.length ? { rlimits: [...process.rlimits] } : {}),
      ...(profile ? { apparmorProfile: profile } : {}),
    },
    root,
    user,
    security.capabilities,
  )
}

/** A further process in a running container. */
export interface FurtherProcessRequest extends Pick<ProcessRequest, "args" | "env" | "terminal" | "consoleSize"> {
  /** Absent: the container's. */
  readonly cwd?: string
  readonly user: UserRequest
  /** The bounding set, with the `CAP_` prefix. */
  readonly capabilities: readonly string[]
  /** Not confined by the container's AppArmor profile. */
  readonly privileged: boolean
}

/**
 * The OCI process of an exec in a container that runs by `spec`; limits, umask and confinement are the container's.
 * @param root the container's root, for names of users
 * @throws invalidArgument for unknown names
 */
export function furtherProcess(spec: RuntimeSpec, root: string, request: FurtherProcessRequest): Process {
  const process: Process = {
    ...spec.process,
    terminal: request.terminal,
    args: [...request.args],
    env: [...request.env],
    cwd: request.cwd ?? spec.process.cwd,
  }
  delete process.consoleSize
  if (request.terminal && request.consoleSize) process.consoleSize = { ...request.consoleSize }
  // Absent would be the confinement that a process joins with the others.
  if (request.privileged && process.apparmorProfile) process.apparmorProfile = "unconfined"
  return withUser(process, root, request.user, request.capabilities)
}

/** `process` with what depends on its user: IDs, groups, effective capabilities, HOME. */
function withUser(process: Process, root: string, user: UserRequest, capabilities: readonly string[]): Process {
  const { uid, gid, additionalGids, home } = resolveUser(root, user.name, user.groups)
  const others = process.env.filter((line) => line !== "HOME=")
  return {
    ...process,
    user: { ...process.user, uid, gid, additionalGids: [...additionalGids] },
    capabilities: processCapabilities(uid, capabilities),
    // An empty HOME counts as none.
    env: others.some((line) => line.startsWith("HOME=")) ? process.env : [...others, `HOME=${home}`],
  }
}
