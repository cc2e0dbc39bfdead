import { dirname } from "node:path"
import { Failure } from "../../errors/failure.ts"
import { fullDiskAdvice, whyNoRoom } from "./full-disk.ts"

/** A file that is opened read-only for want of permission cannot be locked for writing either. */
const unwritable = new Set(["EROFS", "EPERM", "EACCES", "SQLITE_IOERR_LOCK"])

/** SQLite's refusals that a user can do something about, as failures; everything else as it is. */
export function explainSqlite(error: unknown, path: string): unknown {
  const code = String((error as { code?: unknown } | null)?.code)
  const directory = dirname(path)
  if (code === "SQLITE_FULL" || code === "ENOSPC" || code === "EDQUOT") {
    return new Failure("noSpace", fullDiskAdvice(directory, "the change was not made", error), error)
  }
  if (code.startsWith("SQLITE_READONLY") || unwritable.has(code)) {
    return new Failure(
      "unavailable",
      `${path} cannot be written: its file system is mounted read-only, or the file may not be changed; see dmesg for errors of the disk, then mount -o remount,rw (or chattr -i ${path})`,
      error,
    )
  }
  if (code.startsWith("SQLITE_IOERR") || code === "EIO") {
    const noRoom = whyNoRoom(directory)
    if (noRoom) return new Failure("noSpace", fullDiskAdvice(directory, "the change was not made", noRoom), noRoom)
    return new Failure(
      "unavailable",
      `the disk of ${directory} failed while ${path} was read or written (${code}); see dmesg for errors of the disk`,
      error,
    )
  }
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") {
    return new Failure(
      "dataLoss",
      `${path} is damaged or not a database of this program; restore it from a backup, or start with --salvage, which moves everything here into a folder and begins anew`,
      error,
    )
  }
  return error
}
