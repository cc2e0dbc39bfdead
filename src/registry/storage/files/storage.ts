import { mkdir, readdir, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { Storage } from "../contract.ts"
import { FileBlobs } from "./blobs.ts"
import { DurableFiles } from "./durable.ts"
import { FileRecords } from "./records.ts"

/** How long changes of tags are collected before the layout's index is written. */
const indexDelay = 200

/**
 * A directory. `blobs/` has every blob once; `repositories/NAME/_oci` is an OCI image layout that any tool can read while the server
 * runs or without it (its blobs are further names of the same files); `_tags`, `_manifests` and `_referrers` beside it are the
 * server's own records; `uploads/` is what is being written.
 */
export class FileStorage implements Storage {
  readonly records: FileRecords
  readonly blobs: FileBlobs
  readonly spool: string
  readonly #root: string
  readonly #files: DurableFiles
  readonly #pending = new Map<string, { timer: NodeJS.Timeout; write: () => Promise<void> }>()
  #writing: Promise<unknown> = Promise.resolve()

  private constructor(root: string, temporary: string) {
    this.#root = root
    this.#files = new DurableFiles(temporary)
    this.records = new FileRecords(root, this.#files)
    this.blobs = new FileBlobs(root, temporary, this.#files)
    this.spool = join(root, "uploads")
  }

  /** Opens the storage in `root`, made when absent; what a crash left half written is removed. */
  static async open(root: string): Promise<FileStorage> {
    const temporary = join(root, "tmp")
    for (const directory of [temporary, join(root, "uploads"), join(root, "repositories")]) {
      await mkdir(directory, { recursive: true, mode: 0o755 })
    }
    for (const name of await readdir(temporary)) await rm(join(temporary, name), { force: true, recursive: true })
    return new FileStorage(root, temporary)
  }

  tagsChanged(repository: string, index: () => Promise<string>): void {
    clearTimeout(this.#pending.get(repository)?.timer)
    const write = async () => {
      this.#pending.delete(repository)
      const layout = this.blobs.layout(repository)
      await this.#files.write(join(layout, "index.json"), await index())
      await this.#files.write(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}')
    }
    const timer = setTimeout(() => {
      // The index is derived: what cannot be written now is written with the next change.
      this.#writing = Promise.all([this.#writing, write().catch(() => {})])
    }, indexDelay)
    this.#pending.set(repository, { timer, write })
  }

  async forget(repository: string): Promise<void> {
    clearTimeout(this.#pending.get(repository)?.timer)
    this.#pending.delete(repository)
    const root = join(this.#root, "repositories")
    const home = join(root, repository)
    const layout = this.blobs.layout(repository)
    await rm(join(layout, "index.json"), { force: true })
    await rm(join(layout, "oci-layout"), { force: true })
    for (const name of ["_oci", "_tags", "_manifests", "_referrers"]) await this.#files.prune(join(home, name))
    for (let at = home; at !== root; at = dirname(at)) if (!(await this.#files.removeEmpty(at))) return
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { timer, write } of [...this.#pending.values()]) {
      clearTimeout(timer)
      await write().catch(() => {})
    }
    await this.#writing
  }
}
