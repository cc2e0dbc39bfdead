import type { Digest } from "../../oci/digest.ts"
import { KeyedMutex } from "../../std/semaphore.ts"
import { Refusal } from "../refusal.ts"
import type { BlobInfo, Blobs } from "../storage/contract.ts"
import type { Upload } from "../uploads/upload.ts"
import type { Catalog } from "./catalog.ts"
import type { RecentlySeen } from "./recent.ts"
import { overQuota, type Usage } from "./usage.ts"

export interface LinksParts {
  readonly blobs: Blobs
  readonly catalog: Catalog
  readonly usage: Usage
  readonly recent: RecentlySeen
  /** Bytes that a repository may have; undefined for any. */
  readonly quota: (repository: string) => number | undefined
}

/**
 * Which blobs the repositories have, within their quotas. Of one blob of one repository only one thing is done at a time, so that
 * a client that was told of a blob can rely on it while others take blobs away.
 */
export class Links {
  readonly #parts: LinksParts
  readonly #locks = new KeyedMutex()

  constructor(parts: LinksParts) {
    this.#parts = parts
  }

  /** A blob that a client asks for, or about. */
  find(repository: string, digest: Digest): Promise<BlobInfo | undefined> {
    const { blobs, recent } = this.#parts
    return this.#one(repository, digest, async () => {
      const info = await blobs.stat(repository, digest)
      if (info) recent.touch(repository, digest)
      return info
    })
  }

  /** Makes a blob of another repository, or of any, part of this one. @throws Refusal DENIED beyond the quota */
  mount(repository: string, digest: Digest, from: string | undefined): Promise<BlobInfo | undefined> {
    const { blobs, catalog, usage, recent, quota } = this.#parts
    return this.#one(repository, digest, async () => {
      const own = await blobs.stat(repository, digest)
      if (!own && from !== undefined) {
        if (!(await blobs.stat(from, digest))) return undefined
        await catalog.add(repository)
      }
      recent.touch(repository, digest)
      if (own) return own
      // Counted before the link is there: a later count would take the link for one that was claimed.
      if (quota(repository) !== undefined) await usage.of(repository)
      const info = await blobs.link(repository, digest, from)
      if (!info) return undefined
      try {
        await catalog.add(repository)
        await usage.claim(repository, digest, info.size, quota(repository))
      } catch (error) {
        await blobs.unlink(repository, digest)
        throw error
      }
      return info
    })
  }

  /** Makes a blob of an upload's bytes. @throws Refusal DIGEST_INVALID (the upload is given up then), DENIED */
  async adopt(repository: string, digest: Digest, upload: Upload): Promise<void> {
    if (!(await upload.matches(digest))) {
      throw new Refusal(
        "DIGEST_INVALID",
        `the uploaded bytes do not have the digest ${digest}: upload the blob again`,
        {
          detail: { digest },
        },
      )
    }
    const { blobs, catalog, recent } = this.#parts
    await catalog.add(repository)
    await this.#one(repository, digest, async () => {
      recent.touch(repository, digest)
      await this.#claimed(repository, digest, upload.offset, () => blobs.adopt(repository, digest, upload.file))
    })
  }

  /** Bytes that may be added to a repository at this moment. @throws Refusal DENIED when `wanted` are too many */
  async room(repository: string, wanted = 0): Promise<number> {
    const quota = this.#parts.quota(repository)
    if (quota === undefined) return Number.POSITIVE_INFINITY
    const used = await this.#parts.usage.of(repository)
    if (used + wanted > quota) throw overQuota(repository, quota, used, wanted)
    return Math.max(0, quota - used)
  }

  /** Stores small bytes. @throws Refusal DENIED beyond the quota */
  put(repository: string, digest: Digest, bytes: Uint8Array): Promise<void> {
    return this.#one(repository, digest, () =>
      this.#claimed(repository, digest, bytes.length, () => this.#parts.blobs.put(repository, digest, bytes)),
    )
  }

  /**
   * Takes a blob out of a repository.
   * @param unless leaves it when a client was told of it at this time (milliseconds since the epoch) or later
   * @returns whether it was there and is out
   */
  drop(repository: string, digest: Digest, unless?: number): Promise<boolean> {
    const { blobs, usage, recent } = this.#parts
    return this.#one(repository, digest, async () => {
      if (unless !== undefined && recent.has(repository, digest, unless)) return false
      const unlinked = await blobs.unlink(repository, digest)
      if (unlinked) await usage.remove(repository, digest)
      return unlinked
    })
  }

  #one<T>(repository: string, digest: Digest, work: () => Promise<T>): Promise<T> {
    return this.#locks.run(`${repository}@${digest}`, work)
  }

  /** Links a blob that the quota admits. @throws Refusal DENIED */
  async #claimed(repository: string, digest: Digest, size: number, link: () => Promise<void>): Promise<void> {
    const { usage, quota } = this.#parts
    await usage.claim(repository, digest, size, quota(repository))
    try {
      await link()
    } catch (error) {
      await usage.settle(repository, digest)
      throw error
    }
  }
}
