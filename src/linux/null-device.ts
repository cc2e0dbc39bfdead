import { closeSync } from "node:fs"
import { mountAttributes, mountDetached } from "./detached-mount.ts"
import { changeMode, fileTypes, makeNodeAt, openAt, openFlags, unlinkAt } from "./files.ts"

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
    // Devices work there: run directories often forbid them.
    this.#directory ??= mountDetached("tmpfs", mountAttributes.nosuid | mountAttributes.noexec)
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
