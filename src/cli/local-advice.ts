import { existsSync, readFileSync, statSync } from "node:fs"
import type { LocalTrouble } from "../client/connect-failure.ts"

/** What a user can do when Barge's daemon on this machine cannot be talked to. @param socket its path */
export function localAdvice(trouble: LocalTrouble, socket: string): string {
  if (trouble === "denied") {
    const group = groupOf(socket)
    return group
      ? `Members of the group ${group} may use it: sudo usermod -aG ${group} USER, then log in again. Or run this with sudo.`
      : "Only root may use it: run this with sudo. (The daemon lets a group in that exists when it starts: docker, or that of --group.)"
  }
  const start = existsSync("/etc/systemd/system/barge.service") ? "systemctl start barge" : "barge daemon"
  return `Start it as root: ${start}. Or name another daemon: -H ADDRESS, or BARGE_HOST.`
}

/** The group that may use a socket; undefined when it is root's alone. */
function groupOf(socket: string): string | undefined {
  const found = statSync(socket, { throwIfNoEntry: false })
  if (!found || found.gid === 0 || (found.mode & 0o060) !== 0o060) return undefined
  const line = readFileSync("/etc/group", "utf8")
    .split("\n")
    .find((entry) => entry.split(":")[2] === String(found.gid))
  return line?.split(":")[0] ?? String(found.gid)
}
