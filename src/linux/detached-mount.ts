import { closeSync } from "node:fs"
import { check, cString, libc, types } from "./libc.ts"

const { i64, ptr } = types
const c = libc({ syscall: { args: [i64, i64, i64, i64, i64, i64], returns: i64 } })
const opener = libc({ syscall: { args: [i64, ptr, i64], returns: i64 } })

/** The same numbers on every architecture; since Linux 5.2. */
const SYS_fsopen = 430
const SYS_fsconfig = 431
const SYS_fsmount = 432
const FSOPEN_CLOEXEC = 1
const FSCONFIG_CMD_CREATE = 6
const FSMOUNT_CLOEXEC = 1

/** Attributes of a mount, for {@link mountDetached}. */
export const mountAttributes = { nosuid: 2, nodev: 4, noexec: 8 } as const

/**
 * Mounts a new file system of `type` nowhere: it is in no mount table, and lives as long as it is open.
 * @param attributes bits of {@link mountAttributes}
 * @returns a descriptor of its root, close-on-exec; the caller's to close
 * @throws SystemError; ENOSYS on kernels before 5.2
 */
export function mountDetached(type: string, attributes: number): number {
  const name = cString(type)
  const context = check(opener.syscall(SYS_fsopen, name, FSOPEN_CLOEXEC), "fsopen", type)
  try {
    check(c.syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0), "fsconfig", type)
    return check(c.syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes, 0, 0), "fsmount", type)
  } finally {
    closeSync(context)
  }
}
