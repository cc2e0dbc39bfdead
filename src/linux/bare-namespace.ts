import { closeSync, openSync } from "node:fs"
import { mountFlags } from "./mount.ts"
import type { SystemCall } from "./syscall-image.ts"
import { withWaitingProcess } from "./waiting-process.ts"

/** A mount namespace with one mount in it: an empty directory as its root. Disposing lets go of it. */
export interface BareNamespace extends Disposable {
  /** What this process's children open it by, for setns(2). */
  readonly path: string
}

/**
 * Makes a mount namespace that is bare. A process that enters it and then makes a copy of it (unshare(2)) has a mount
 * table of its own at once, however long the host's is.
 * @throws SystemError where the root of this process cannot be exchanged, as on an initramfs
 */
export async function openBareNamespace(): Promise<BareNamespace> {
  return await withWaitingProcess("bare-namespace", becomeBare, (pid) => {
    const descriptor = openSync(`/proc/${pid}/ns/mnt`, "r")
    return { path: `/proc/${process.pid}/fd/${descriptor}`, [Symbol.dispose]: () => closeSync(descriptor) }
  })
}

const CLONE_NEWNS = 0x20000
const MNT_DETACH = 2

/** The new root is mounted over a directory that every host has, and takes the place of the old one. */
const becomeBare: readonly SystemCall[] = [
  ["unshare", CLONE_NEWNS],
  ["mount", "none", "/", 0, mountFlags.private | mountFlags.recursive, 0],
  ["mount", "bare", "/proc", "tmpfs", mountFlags.nosuid | mountFlags.nodev | mountFlags.noexec, "mode=0700,size=4k"],
  ["chdir", "/proc"],
  ["pivot_root", ".", "."],
  ["umount2", ".", MNT_DETACH],
]
