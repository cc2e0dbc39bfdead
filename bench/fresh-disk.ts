import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { run } from "./measure.ts"

/**
 * Runs `use` on an ext4 of its own: inodes that were deleted a moment ago make it several times slower to create files, and what
 * one engine deletes must not slow down the next.
 * @param root where the file lies that holds it
 */
export async function onFreshDisk(root: string, use: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(root, "disk-"))
  const file = `${directory}.ext4`
  await run(["truncate", "-s", "8G", file])
  await run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,nodiscard", file])
  await run(["mount", "-o", "loop", file, directory])
  try {
    await use(directory)
  } finally {
    await run(["umount", "-l", directory])
    rmSync(file)
  }
}
