import { changeMode, changeModeAt, changeOwner, changeOwnerAt, setTimesAt } from "../../linux/files.ts"
import { pathWithin, setXattr, type XattrSubject } from "../../linux/xattr.ts"
import type { TarEntry } from "../../std/tar/entry.ts"

/** Owner before mode (a change of owner clears set-user-ID), attributes after both (it clears capabilities too). */
export function setMetadata(descriptor: number, entry: TarEntry): void {
  changeOwner(descriptor, entry.uid, entry.gid)
  changeMode(descriptor, entry.mode)
  if (entry.xattrs) setXattrs(descriptor, entry)
}

/** As {@link setMetadata}, with the time, for what is not opened: links, devices, pipes. */
export function setNodeMetadata(directory: number, name: Buffer, entry: TarEntry): void {
  changeOwnerAt(directory, name, entry.uid, entry.gid)
  if (entry.type !== "symlink") changeModeAt(directory, name, entry.mode)
  if (entry.xattrs) setXattrs(pathWithin(directory, name), entry)
  setTimesAt(directory, name, entry.mtime)
}

/** Sets an entry's extended attributes as far as the file system and the kernel allow them. @throws SystemError */
function setXattrs(subject: XattrSubject, entry: TarEntry): void {
  for (const [key, value] of entry.xattrs!) {
    // trusted.* steers overlay itself; an archive has no say in it.
    if (key.startsWith("trusted.")) continue
    try {
      setXattr(subject, key, value)
    } catch (error) {
      const code = (error as { code?: string } | null)?.code
      if (code === "EOPNOTSUPP" || code === "ENOTSUP") continue
      // The kernel allows some only on some types of files, or only to a security module's own rules.
      if (code === "EPERM" && key !== "security.capability") continue
      throw error
    }
  }
}
