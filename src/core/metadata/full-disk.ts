import { randomBytes } from "node:crypto"
import { rmSync, statfsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { kindOf } from "../../errors/failure.ts"
import { isQuota, roomAdvice } from "../../errors/no-room.ts"

/** What the file system of a directory has none left of for users other than root's reserve; undefined when there is room. */
export function exhausted(directory: string): "space" | "inodes" | undefined {
  const { bavail, files, ffree } = statfsSync(directory)
  if (bavail === 0) return "space"
  // File systems that make inodes as they are needed (btrfs) count none.
  return files > 0 && ffree === 0 ? "inodes" : undefined
}

/** Bytes that are written to find out whether there is room: more than any change of the database needs. */
const probeSize = 1 << 20

/**
 * Asks a directory's file system for room by writing to it, since SQLite tells of a used-up quota as of a broken disk.
 * @returns what it refused with; undefined when there is room, or another reason
 */
export function whyNoRoom(directory: string): unknown {
  const path = join(directory, `.room-${process.pid}`)
  try {
    // Compression makes nothing of these.
    writeFileSync(path, randomBytes(probeSize), { flag: "wx", flush: true })
    return undefined
  } catch (error) {
    return kindOf(error) === "noSpace" ? error : undefined
  } finally {
    rmSync(path, { force: true })
  }
}

/**
 * What happened and what to do when the disk of `directory` is full, or a quota there.
 * @param consequence what was not done
 * @param cause the error, where there was one
 */
export function fullDiskAdvice(directory: string, consequence: string, cause?: unknown): string {
  const lacking = exhausted(directory)
  if (!lacking && isQuota(cause))
    return `the disk quota of ${directory} is used up: ${consequence}; ${roomAdvice(cause)}`
  return `no ${lacking ?? "space"} left on the disk of ${directory}: ${consequence}; ${roomAdvice(undefined)} (see df -h ${directory} and df -i ${directory})`
}
