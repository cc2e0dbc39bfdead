import { accessSync, constants } from "node:fs"
import type { LaunchRequest, RuntimeInfo } from "./contract.ts"

/** The environment of runtime programs: nothing of ours reaches them. */
export const runtimeEnvironment = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" } as const

/** Exit code of the shell below when it could not enter the cgroups or the mount namespace. */
export const preludeFailed = 125

const hide = "mount --make-rslave /sys/fs/cgroup && umount -l /sys/fs/cgroup/unified"

/**
 * The command line that becomes `command`, with what has to happen before:
 * - entering cgroup v1 groups. A single-threaded process that writes `0` into `tasks` moves itself without the kernel's
 *   thread-group lock and its RCU grace period (6–14 ms when another process writes the PID to `cgroup.procs`).
 * - hiding the host's cgroup2 mount, in a mount namespace of the launch alone: /sys/fs/cgroup is cut off from
 *   propagation first, so the host keeps its mount, and every other mount keeps its propagation.
 */
export function launchCommand(
  info: RuntimeInfo,
  cgroup: LaunchRequest["cgroup"],
  command: readonly string[],
): readonly string[] {
  const files = cgroup.kind === "join" ? cgroup.files : []
  if (files.length === 0 && !info.hideUnified) return command
  const join = `for file in ${files.map(quote).join(" ")}; do echo 0 >"$file" || exit ${preludeFailed}; done`
  const steps = [info.hideUnified ? `{ ${hide}; } || exit ${preludeFailed}` : "", files.length > 0 ? join : ""]
  const script = `{ ${steps.filter(Boolean).join("; ")}; } 2>/dev/null; exec "$@"`
  const shell = ["-c", script, "sh", ...command]
  if (!info.hideUnified) return ["/bin/sh", ...shell]
  return ["/usr/bin/unshare", "--mount", "--propagation", "unchanged", ...quickShell(), ...shell]
}

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** busybox's shell runs `mount` and `umount` without starting further programs. */
function quickShell(): readonly string[] {
  for (const path of ["/bin/busybox", "/usr/bin/busybox"]) {
    try {
      accessSync(path, constants.X_OK)
      return [path, "sh"]
    } catch {}
  }
  return ["/bin/sh"]
}
