import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

const directories = ["dev/pts", "dev/shm", "proc", "sys"]
const files = [".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf"]
const links = { "etc/mtab": "/proc/mounts" }

/**
 * Makes the directory beneath the layers of every container's root. It has Docker's `/.dockerenv`, by which programs
 * detect that they run in a container, and the mount points that every container needs. All containers share it and none
 * writes to it: a start creates nothing in the container's own layer, and `diff` does not show these files.
 * @returns `path`
 */
export function makeBaseLayer(path: string): string {
  for (const directory of directories) mkdirSync(join(path, directory), { recursive: true, mode: 0o755 })
  for (const file of files) {
    mkdirSync(dirname(join(path, file)), { recursive: true, mode: 0o755 })
    if (!existsSync(join(path, file))) writeFileSync(join(path, file), "", { mode: 0o755 })
  }
  for (const [link, target] of Object.entries(links)) makeLink(target, join(path, link))
  return path
}

function makeLink(target: string, path: string): void {
  try {
    symlinkSync(target, path)
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST") throw error
  }
}
