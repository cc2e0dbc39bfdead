import { existsSync, readFileSync, realpathSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { RuntimeSpec } from "../oci/runtime-spec.ts"

/** Names a file with options for CRIU in a container's specification; runc's own word. */
const annotation = "org.criu.config"
/** The file that runc takes when a specification names none. */
const usual = "/etc/criu/runc.conf"

/**
 * Fits a specification for processes that come from a checkpoint:
 * - They get into the control group that it names. On cgroup v2 runc does not tell CRIU, which would take that of the
 *   container they were written in. The administrator's own options for CRIU stay.
 * - Sources of bind mounts are named without symbolic links, which CRIU does not follow.
 *
 * @param bundle the directory that gets the file with the options
 */
export function makeRestorable(spec: RuntimeSpec, bundle: string): void {
  const named = spec.annotations?.[annotation] ?? (existsSync(usual) ? usual : undefined)
  const before = named === undefined ? "" : `${readFileSync(named, "utf8").trimEnd()}\n`
  const path = join(bundle, "criu.conf")
  writeFileSync(path, `${before}cgroup-root ${spec.linux.cgroupsPath}\n`, { mode: 0o600 })
  spec.annotations = { ...spec.annotations, [annotation]: path }
  spec.mounts = spec.mounts.map((mount) =>
    mount.type === "bind" && mount.source ? { ...mount, source: realpathSync(mount.source) } : mount,
  )
}
