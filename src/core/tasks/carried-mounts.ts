import { liesOn, type UnbindableDirectories } from "../../linux/unbindable-directories.ts"
import { isOutOfCopies } from "../../linux/unbindable-path.ts"
import type { RuntimeSpec } from "../../oci/runtime-spec.ts"

/** What decides which mounts a launch must see. */
export interface LaunchSight {
  /** Where roots and network namespaces of containers are mounted. */
  readonly directories: UnbindableDirectories
  /** Directories of the daemon; what is bound from there does not lie on an unbindable mount. */
  readonly own: readonly string[]
}

/**
 * The mounts in unbindable directories that the launch of a container needs.
 * @returns undefined when the launch has to see the host's whole table: its root is mounted elsewhere, or it binds what lies
 *   on an unbindable mount of somebody else's, in whose place it would find other files
 */
export function carriedMounts(spec: RuntimeSpec, sight: LaunchSight | undefined): readonly string[] | undefined {
  if (!sight?.directories.holds(spec.root.path)) return undefined
  const network = spec.linux.namespaces.find(({ type }) => type === "network")?.path
  const sources = spec.mounts.flatMap(({ type, source }) => (type === "bind" && source ? [source] : []))
  if (sources.some((source) => !liesOn(source, sight.own) && isOutOfCopies(source))) return undefined
  return network !== undefined && sight.directories.holds(network) ? [spec.root.path, network] : [spec.root.path]
}
