import { readdir, readFile, unlink } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { Records } from "../contract.ts"
import { type DurableFiles, orAbsent } from "./durable.ts"

/** Documents as files. */
export class FileRecords implements Records {
  readonly #root: string
  readonly #files: DurableFiles

  constructor(root: string, files: DurableFiles) {
    this.#root = root
    this.#files = files
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return orAbsent(readFile(join(this.#root, key)))
  }

  put(key: string, bytes: Uint8Array | string): Promise<void> {
    return this.#files.write(join(this.#root, key), bytes)
  }

  async delete(key: string): Promise<boolean> {
    const path = join(this.#root, key)
    const gone = await orAbsent(unlink(path).then(() => true))
    if (!gone) return false
    await this.#files.sync(dirname(path))
    return true
  }

  async list(folder: string): Promise<readonly string[]> {
    const entries = await orAbsent(readdir(join(this.#root, folder), { withFileTypes: true }))
    return (entries ?? []).filter((entry) => entry.isFile()).map((entry) => entry.name)
  }
}
