import type { Digest } from "../../oci/digest.ts"
import type { Blobs } from "../storage/contract.ts"

/** How many bytes each repository links, counted once and kept up to date. */
export class Usage {
  readonly #blobs: Blobs
  readonly #sizes = new Map<string, Promise<Map<Digest, number>>>()

  constructor(blobs: Blobs) {
    this.#blobs = blobs
  }

  /** Bytes of the blobs in `repository`, manifests included. */
  async of(repository: string): Promise<number> {
    let sum = 0
    for (const size of (await this.#counted(repository)).values()) sum += size
    return sum
  }

  async add(repository: string, digest: Digest, size: number): Promise<void> {
    ;(await this.#sizes.get(repository))?.set(digest, size)
  }

  async remove(repository: string, digest: Digest): Promise<void> {
    ;(await this.#sizes.get(repository))?.delete(digest)
  }

  forget(repository: string): void {
    this.#sizes.delete(repository)
  }

  #counted(repository: string): Promise<Map<Digest, number>> {
    let sizes = this.#sizes.get(repository)
    if (!sizes) {
      sizes = this.#count(repository)
      this.#sizes.set(repository, sizes)
      sizes.catch(() => this.#sizes.delete(repository))
    }
    return sizes
  }

  async #count(repository: string): Promise<Map<Digest, number>> {
    const sizes = new Map<Digest, number>()
    for await (const { digest } of this.#blobs.list(repository)) {
      const info = await this.#blobs.stat(repository, digest)
      if (info) sizes.set(digest, info.size)
    }
    return sizes
  }
}
