import { statSync } from "node:fs"
import { mkdir, readdir, rm, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Failure, kindOf } from "../../errors/failure.ts"
import { lackOfRoom, roomAdvice } from "../../errors/no-room.ts"
import { algorithmOf, type Digest, hexOf, isDigest } from "../../oci/digest.ts"
import { DirectorySync } from "../../std/directory-sync.ts"

/** Where the bytes lie: `blobs/ALGORITHM/HEX` for what is published, `ingest/…` for what is being written. */
export class ContentFiles {
  readonly directory: string
  readonly #directories = new DirectorySync()

  constructor(directory: string) {
    this.directory = directory
  }

  async prepare(): Promise<void> {
    for (const part of ["blobs/sha256", "blobs/sha512", "ingest"]) {
      await mkdir(join(this.directory, part), { recursive: true, mode: 0o700 })
    }
  }

  blob(digest: Digest): string {
    return join(this.directory, "blobs", algorithmOf(digest), hexOf(digest))
  }

  ingest(name: string): string {
    return join(this.directory, "ingest", name)
  }

  /** The digests that have a file, with how many bytes that has. */
  async blobs(): Promise<[Digest, number][]> {
    const found: [Digest, number][] = []
    for (const algorithm of ["sha256", "sha512"]) {
      for (const name of await readdir(join(this.directory, "blobs", algorithm))) {
        const digest = `${algorithm}:${name}`
        if (isDigest(digest)) found.push([digest, statSync(this.blob(digest)).size])
      }
    }
    return found
  }

  ingests(): Promise<string[]> {
    return readdir(join(this.directory, "ingest"))
  }

  /** Bytes of the file, or undefined when there is none. */
  async size(path: string): Promise<number | undefined> {
    try {
      return (await stat(path)).size
    } catch (error) {
      if ((error as { code?: string }).code === "ENOENT") return undefined
      throw error
    }
  }

  async delete(path: string): Promise<void> {
    await rm(path, { force: true })
  }

  /** Makes the names in the directory of `path` durable. */
  syncDirectoryOf(path: string): Promise<void> {
    return this.#directories.sync(dirname(path))
  }
}

/** A full disk as a failure that says what to do; every other error as it is. */
export function explainFullDisk(error: unknown, what: string, directory: string): unknown {
  if (error instanceof Failure || kindOf(error) !== "noSpace") return error
  return new Failure(
    "noSpace",
    `${lackOfRoom(error, directory)} while writing ${what}; ${roomAdvice(error)}, then try again`,
    error,
  )
}
