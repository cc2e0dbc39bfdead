import { closeSync, openSync, rmSync, writeFileSync } from "node:fs"
import { check, libc, types } from "./libc.ts"
import { mount, mountFlags } from "./mount.ts"
import { NetlinkSocket } from "./netlink.ts"

const c = libc({ unshare: { args: [types.i32], returns: types.i32 } })
const CLONE_NEWNET = 0x40000000

/**
 * Puts the calling thread into a new network namespace, binds that to `path` so that it stays, and opens an rtnetlink
 * socket in it. The thread stays there: only for a process that is made for this and ends soon, never for one that
 * serves (other threads that start from this one would be in the namespace too).
 * @param sysctls files below /proc/sys/net and what is written into them, in the new namespace
 * @throws SystemError; nothing stays at `path`
 */
export function makeNetworkNamespace(path: string, sysctls: Readonly<Record<string, string>>): NetlinkSocket {
  closeSync(openSync(path, "wx", 0o444))
  try {
    check(c.unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)")
    mount({ source: "/proc/thread-self/ns/net", target: path, flags: mountFlags.bind })
  } catch (error) {
    rmSync(path)
    throw error
  }
  for (const [file, value] of Object.entries(sysctls)) {
    try {
      writeFileSync(`/proc/sys/net/${file}`, value)
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT") throw error // a kernel without IPv6 has none of its files
    }
  }
  return NetlinkSocket.open()
}
