import { copyFile, link, open, opendir, rename, stat, unlink } from "node:fs/promises"
import { dirname, join } from "node:path"
import { algorithmOf, type Digest, hexOf, isDigest } from "../../../oci/digest.ts"
import { newId, shortId } from "../../../std/id.ts"
import type { BlobInfo, BlobReader, Blobs, Freed } from "../contract.ts"
import { type DurableFiles, orAbsent } from "./durable.ts"
import { FileBlobReader } from "./reader.ts"

const algorithms = ["sha256", "sha512"] as const

/**
 * Bytes as one file with several names: one in the pool (`blobs/`), one in the OCI layout of each repository that has it. The kernel
 * counts the names, so a blob is free when only the pool's is left, and taking a name is atomic against giving one up.
 */
export class FileBlobs implements Blobs {
  readonly #root: string
  readonly #temporary: string
  readonly #files: DurableFiles

  constructor(root: string, temporary: string, files: DurableFiles) {
    this.#root = root
    this.#temporary = temporary
    this.#files = files
  }

  /** The directory of a repository's OCI image layout. */
  layout(repository: string): string {
    return join(this.#root, "repositories", repository, "_oci")
  }

  async stat(repository: string, digest: Digest): Promise<BlobInfo | undefined> {
    const found = await orAbsent(stat(this.#path(repository, digest)))
    return found && { digest, size: found.size, linkedAt: found.ctimeMs }
  }

  async open(repository: string, digest: Digest): Promise<BlobReader | undefined> {
    const handle = await orAbsent(open(this.#path(repository, digest), "r"))
    if (!handle) return undefined
    try {
      return new FileBlobReader(handle, (await handle.stat()).size)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  async link(repository: string, digest: Digest, from?: string): Promise<BlobInfo | undefined> {
    const source = from === undefined ? this.#pool(digest) : this.#path(from, digest)
    const target = this.#path(repository, digest)
    if (!(await this.#name(source, target))) return undefined
    await this.#files.sync(dirname(target))
    return await this.stat(repository, digest)
  }

  async adopt(repository: string, digest: Digest, file: string): Promise<void> {
    const pool = this.#pool(digest)
    const target = this.#path(repository, digest)
    do {
      // The pool's bytes win, so that the same blob pushed twice is stored once. A sweep may take its name at any moment.
      await this.#name(file, pool)
    } while (!(await this.#name(pool, target)))
    await Promise.all([this.#files.sync(dirname(pool)), this.#files.sync(dirname(target))])
  }

  async put(repository: string, digest: Digest, bytes: Uint8Array): Promise<void> {
    const temporary = join(this.#temporary, shortId(newId()))
    try {
      {
        await using handle = await open(temporary, "wx", 0o644)
        await handle.writeFile(bytes)
        await handle.datasync()
      }
      await this.adopt(repository, digest, temporary)
    } finally {
      await orAbsent(unlink(temporary))
    }
  }

  async unlink(repository: string, digest: Digest): Promise<boolean> {
    const path = this.#path(repository, digest)
    if (!(await orAbsent(unlink(path).then(() => true)))) return false
    await this.#files.sync(dirname(path))
    return true
  }

  async *list(repository: string): AsyncIterable<BlobInfo> {
    for (const algorithm of algorithms) {
      for await (const digest of digestsIn(join(this.layout(repository), "blobs", algorithm), algorithm)) {
        const info = await this.stat(repository, digest)
        if (info) yield info
      }
    }
  }

  async sweep(): Promise<Freed> {
    let blobs = 0
    let bytes = 0
    for (const algorithm of algorithms) {
      for await (const digest of digestsIn(join(this.#root, "blobs", algorithm), algorithm)) {
        const path = this.#pool(digest)
        const found = await orAbsent(stat(path))
        if (!found || found.nlink > 1) continue
        await orAbsent(unlink(path))
        blobs++
        bytes += found.size
      }
    }
    return { blobs, bytes }
  }

  /** Gives `source`'s bytes a further name, unless the name is taken. @returns false when there is no `source` */
  async #name(source: string, target: string): Promise<boolean> {
    for (let again = true; ; again = false) {
      await this.#files.directory(dirname(target))
      try {
        await link(source, target)
        return true
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code === "EEXIST") return true
        if (code === "EMLINK") return await this.#copy(source, target)
        if (code !== "ENOENT") throw error
        if ((await orAbsent(stat(source))) === undefined) return false
        if (!again) throw error
        this.#files.forget(dirname(target)) // the directory had been removed
      }
    }
  }

  /** A file has as many names as its file system allows: the next repository gets a copy. */
  async #copy(source: string, target: string): Promise<boolean> {
    const temporary = join(this.#temporary, shortId(newId()))
    await copyFile(source, temporary)
    {
      await using handle = await open(temporary, "r+")
      await handle.sync()
    }
    await rename(temporary, target)
    return true
  }

  #pool(digest: Digest): string {
    return join(this.#root, "blobs", algorithmOf(digest), hexOf(digest))
  }

  #path(repository: string, digest: Digest): string {
    return join(this.layout(repository), "blobs", algorithmOf(digest), hexOf(digest))
  }
}

async function* digestsIn(directory: string, algorithm: string): AsyncIterable<Digest> {
  const entries = await orAbsent(opendir(directory))
  if (!entries) return
  for await (const entry of entries) {
    const digest = `${algorithm}:${entry.name}`
    if (isDigest(digest)) yield digest
  }
}
