import { mkdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { algorithmOf, type Digest, hexOf, isDigest } from "../../../oci/digest.ts"
import { KeyedMutex, Semaphore } from "../../../std/semaphore.ts"
import type { S3Settings } from "../../config.ts"
import type { BlobInfo, BlobLink, BlobReader, Blobs, Freed, Records, Storage } from "../contract.ts"
import { S3Client } from "./client.ts"

/** Seconds that an address for a client is good for. */
const addressTime = 20 * 60

const blobKey = (digest: Digest): string => `blobs/${algorithmOf(digest)}/${hexOf(digest)}`
const linkFolder = (repository: string): string => `repositories/${repository}/_blobs/`
const linkKey = (repository: string, digest: Digest): string => `${linkFolder(repository)}${digest}`

/**
 * An S3-compatible object store: `blobs/` has every blob once, `repositories/NAME/_blobs/DIGEST` are the links with the blob's size,
 * records are objects. Uploads in progress lie in a local directory; an object appears whole or not at all. One server at a time
 * works with a prefix of a bucket.
 */
export class S3Storage implements Storage {
  readonly records: Records
  readonly blobs: S3Blobs
  readonly spool: string

  private constructor(client: S3Client, spool: string, redirect: boolean) {
    this.records = recordsIn(client)
    this.blobs = new S3Blobs(client, redirect)
    this.spool = spool
  }

  /** @param root a local directory for uploads in progress */
  static async open(settings: S3Settings, root: string): Promise<S3Storage> {
    const spool = join(root, "uploads")
    await mkdir(spool, { recursive: true })
    return new S3Storage(new S3Client(settings), spool, settings.redirect)
  }

  /** Nobody reads a bucket as an OCI layout. */
  tagsChanged(): void {}

  /** Folders of a bucket go with their objects. */
  async forget(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

function recordsIn(client: S3Client): Records {
  return {
    get: async (key) => (await client.get(key))?.bytes,
    put: (key, bytes) => client.put(key, bytes),
    async delete(key) {
      if ((await client.size(key)) === undefined) return false
      await client.delete(key)
      return true
    },
    async list(folder) {
      const names: string[] = []
      for await (const { key } of client.list(`${folder}/`, true)) names.push(key.slice(folder.length + 1))
      return names.filter((name) => name !== "")
    },
  }
}

/** Blobs as objects. What links and what sweeps one digest wait for each other. */
export class S3Blobs implements Blobs {
  readonly #client: S3Client
  readonly #redirect: boolean
  readonly #digests = new KeyedMutex()
  readonly #sweeps = new Semaphore(1)
  /** Digests that were linked while a sweep looks at a list from before. */
  #linkedMeanwhile: Set<Digest> | undefined

  constructor(client: S3Client, redirect: boolean) {
    this.#client = client
    this.#redirect = redirect
  }

  async stat(repository: string, digest: Digest): Promise<BlobInfo | undefined> {
    const link = await this.#client.get(linkKey(repository, digest))
    return link && { digest, size: Number(Buffer.from(link.bytes).toString()), linkedAt: link.modifiedAt }
  }

  async open(repository: string, digest: Digest): Promise<BlobReader | undefined> {
    const info = await this.stat(repository, digest)
    if (!info) return undefined
    return {
      size: info.size,
      stream: (start, end) => this.#client.stream(blobKey(digest), start, end),
      [Symbol.asyncDispose]: async () => {},
    }
  }

  link(repository: string, digest: Digest, from?: string): Promise<BlobInfo | undefined> {
    return this.#digests.run(digest, async () => {
      const size = from === undefined ? await this.#client.size(blobKey(digest)) : (await this.stat(from, digest))?.size
      if (size === undefined) return undefined
      await this.#link(repository, digest, size)
      return { digest, size, linkedAt: Date.now() }
    })
  }

  adopt(repository: string, digest: Digest, file: string): Promise<void> {
    return this.#digests.run(digest, async () => {
      const { size } = await stat(file)
      if ((await this.#client.size(blobKey(digest))) !== size) await this.#client.putFile(blobKey(digest), file)
      await this.#link(repository, digest, size)
    })
  }

  put(repository: string, digest: Digest, bytes: Uint8Array): Promise<void> {
    return this.#digests.run(digest, async () => {
      await this.#client.put(blobKey(digest), bytes)
      await this.#link(repository, digest, bytes.length)
    })
  }

  async unlink(repository: string, digest: Digest): Promise<boolean> {
    const key = linkKey(repository, digest)
    if ((await this.#client.size(key)) === undefined) return false
    await this.#client.delete(key)
    return true
  }

  async *list(repository: string): AsyncIterable<BlobLink> {
    const folder = linkFolder(repository)
    for await (const { key, modifiedAt } of this.#client.list(folder, true)) {
      const digest = key.slice(folder.length)
      if (isDigest(digest)) yield { digest, linkedAt: modifiedAt }
    }
  }

  sweep(): Promise<Freed> {
    return this.#sweeps.run(() => this.#sweep())
  }

  async #sweep(): Promise<Freed> {
    const meanwhile = new Set<Digest>()
    this.#linkedMeanwhile = meanwhile
    try {
      const linked = new Set<string>()
      for await (const { key } of this.#client.list("repositories/", false)) {
        const digest = /\/_blobs\/([^/]+)$/.exec(key)?.[1]
        if (digest !== undefined) linked.add(digest)
      }
      let blobs = 0
      let bytes = 0
      for await (const { key, size } of this.#client.list("blobs/", false)) {
        const digest = key.slice("blobs/".length).replace("/", ":")
        if (!isDigest(digest) || linked.has(digest)) continue
        const freed = await this.#digests.run(digest, async () => {
          if (meanwhile.has(digest)) return false
          await this.#client.delete(key)
          return true
        })
        if (!freed) continue
        blobs++
        bytes += size
      }
      return { blobs, bytes }
    } finally {
      this.#linkedMeanwhile = undefined
    }
  }

  async address(digest: Digest): Promise<string | undefined> {
    return this.#redirect ? this.#client.address(blobKey(digest), addressTime) : undefined
  }

  async #link(repository: string, digest: Digest, size: number): Promise<void> {
    this.#linkedMeanwhile?.add(digest)
    await this.#client.put(linkKey(repository, digest), String(size))
  }
}
