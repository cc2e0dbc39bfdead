import { closeSync } from "node:fs"
import { changeMode, fileTypes, makeNodeAt, openAt, openFlags, unlinkAt } from "./files.ts"
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
const MOUNT_ATTR_NOSUID = 2
const MOUNT_ATTR_NOEXEC = 8

/**
 * Null devices that are not the host's /dev/null. A runtime makes the container's user the owner of what it gets as stdio,
 * and an owner may take the access rights away from everybody else.
 */
export class NullDevices implements Disposable {
  #directory: number | undefined

  /**
   * A descriptor of a null device of its own, for reading, close-on-exec; the caller's to close. It reads as the end, and can
   * be opened again by its link in /proc.
   * @throws SystemError; EPERM without the right to make devices
   */
  open(): number {
    this.#directory ??= detachedDirectory()
    makeNodeAt(this.#directory, "null", fileTypes.character | 0o666, 1, 3)
    try {
      const descriptor = openAt(this.#directory, "null", openFlags.readonly | openFlags.closeOnExec)
      // Whatever this process's umask takes away.
      changeMode(descriptor, 0o666)
      return descriptor
    } finally {
      unlinkAt(this.#directory, "null")
    }
  }

  [Symbol.dispose](): void {
    if (this.#directory !== undefined) closeSync(this.#directory)
    this.#directory = undefined
  }
}

/** A tmpfs that is mounted nowhere, where devices work: run directories often forbid them. It lives as long as it is open. */
function detachedDirectory(): number {
  const type = cString("tmpfs")
  const context = check(opener.syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), "fsopen", "tmpfs")
  try {
    check(c.syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0), "fsconfig", "tmpfs")
    const flags = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC
    return check(c.syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, flags, 0, 0), "fsmount", "tmpfs")
  } finally {
    closeSync(context)
  }
}
