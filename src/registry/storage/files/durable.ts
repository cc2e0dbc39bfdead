import { mkdir, open, readdir, rename, rm, rmdir } from "node:fs/promises"
import { dirname, join } from "node:path"
import { DirectorySync } from "../../../std/directory-sync.ts"
import { newId, shortId } from "../../../std/id.ts"

/** Writes that are on disk when they return, and directories made once. */
export class DurableFiles {
  readonly #temporary: string
  readonly #made = new Set<string>()
  readonly #directories = new DirectorySync()

  /** @param temporary a directory of the same file system, for files on their way */
  constructor(temporary: string) {
    this.#temporary = temporary
  }

  /** Makes a directory and those above it. */
  async directory(path: string): Promise<void> {
    if (this.#made.has(path)) return
    const first = await mkdir(path, { recursive: true, mode: 0o755 })
    if (first !== undefined) {
      for (let at = dirname(path); at.length >= dirname(first).length; at = dirname(at)) await this.sync(at)
    }
    this.#made.add(path)
  }

  /** To be called when a directory was found gone. */
  forget(path: string): void {
    this.#made.delete(path)
  }

  /** Removes a directory that is empty. @returns whether it is gone */
  async removeEmpty(path: string): Promise<boolean> {
    this.#made.delete(path)
    try {
      await rmdir(path)
      return true
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === "ENOENT") return true
      if (code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOTDIR") return false
      throw error
    }
  }

  /** Removes the empty directories below a directory, and itself when it is one then. Files stay. */
  async prune(path: string): Promise<void> {
    for (const entry of (await orAbsent(readdir(path, { withFileTypes: true }))) ?? []) {
      if (entry.isDirectory()) await this.prune(join(path, entry.name))
    }
    await this.removeEmpty(path)
  }

  sync(directory: string): Promise<void> {
    return this.#directories.sync(directory)
  }

  /** Puts a whole file in place of what is there. */
  async write(path: string, bytes: Uint8Array | string): Promise<void> {
    const temporary = join(this.#temporary, shortId(newId()))
    try {
      {
        await using handle = await open(temporary, "wx", 0o644)
        await handle.writeFile(bytes)
        await handle.datasync()
      }
      await this.directory(dirname(path))
      await rename(temporary, path).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error
        this.forget(dirname(path))
        await this.directory(dirname(path))
        await rename(temporary, path)
      })
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
    await this.sync(dirname(path))
  }
}

/** @returns undefined in place of an error that says that something is not there */
export function orAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined
    throw error
  })
}
