import { closeSync, openSync, rmSync, writeFileSync } from "node:fs"
import { mountAttributes, mountDetached } from "./detached-mount.ts"
import { check, libc, types } from "./libc.ts"
import { mount, mountFlags } from "./mount.ts"

const c = libc({
  unshare: { args: [types.i32], returns: types.i32 },
  setns: { args: [types.i32, types.i32], returns: types.i32 },
})
const CLONE_NEWNET = 0x40000000

/**
 * Puts the calling thread into a new network namespace, binds that to `path` so that it stays. The thread stays
 * there: only for a process that is made for this and ends soon, never for one that serves (other threads that start
 * from this one would be in the namespace too).
 * @throws SystemError; nothing stays at `path`
 */
export function makeNetworkNamespace(path: string): void {
  closeSync(openSync(path, "wx", 0o444))
  try {
    check(c.unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)")
    mount({ source: "/proc/thread-self/ns/net", target: path, flags: mountFlags.bind })
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  }
}

/** Puts the calling thread into the network namespace bound to `path`; it stays there, as above. @throws SystemError */
export function enterNetworkNamespace(path: string): void {
  const descriptor = openSync(path, "r")
  try {
    check(c.setns(descriptor, CLONE_NEWNET), "setns", path)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Writes files below /proc/sys/net, in the calling thread's namespace.
 *
 * In the proc file system at /proc the kernel looks such a name up among those of every network namespace on the host; in
 * a new one only among those that were asked for there.
 * @param sysctls paths below that folder, with slashes. A file that the kernel does not have is passed over when `lenient`.
 */
export function writeNetworkSysctls(sysctls: Readonly<Record<string, string>>, lenient: boolean): void {
  const proc = openProc()
  try {
    for (const [file, value] of Object.entries(sysctls)) {
      try {
        writeFileSync(`${proc.path}/sys/net/${file}`, value)
      } catch (error) {
        if (!lenient || (error as { code?: string }).code !== "ENOENT") throw error
      }
    }
  } finally {
    if (proc.descriptor !== undefined) closeSync(proc.descriptor)
  }
}

/** A proc file system of this process alone; the host's where that cannot be mounted. */
function openProc(): { readonly path: string; readonly descriptor?: number } {
  try {
    const { nosuid, nodev, noexec } = mountAttributes
    const descriptor = mountDetached("proc", nosuid | nodev | noexec)
    return { path: `/proc/self/fd/${descriptor}`, descriptor }
  } catch {
    return { path: "/proc" }
  }
}
