import { createHash, type Hash } from "node:crypto"
import type { FileHandle } from "node:fs/promises"
import { Failure } from "../../errors/failure.ts"
import { algorithmOf, type Digest } from "../../oci/digest.ts"
import { nowNanos } from "../../std/clock.ts"
import type { Labels } from "../metadata/labels.ts"
import type { Scope } from "../scope.ts"
import type { ContentInfo, Ingest, IngestStatus } from "./contract.ts"
import { explainFullDisk } from "./files.ts"
import { FileReader } from "./reader.ts"

/** Facts about a blob that its bytes do not tell. */
export interface PublishOptions {
  readonly labels: Labels
  readonly unsynced?: boolean
  readonly mediaType?: string
}

/** What an ingest asks of the store that owns it. */
export interface IngestOwner {
  publish(scope: Scope, digest: Digest, size: number, options: PublishOptions): Promise<ContentInfo>
  discard(): Promise<void>
  release(): void
}

/** An open write into one file, hashed while it is written. */
export class FileIngest implements Ingest {
  readonly #handle: FileHandle
  readonly #owner: IngestOwner
  readonly path: string
  readonly #ref: string
  readonly #total: number
  readonly #startedAt: bigint
  readonly #expected: Digest | undefined
  #updatedAt: bigint
  #offset: number
  /** The state of the hash over the first `#offset` bytes; absent when it has to be computed from the file. */
  #hash: { readonly algorithm: "sha256" | "sha512"; readonly state: Hash } | undefined
  #closed = false

  constructor(options: {
    handle: FileHandle
    owner: IngestOwner
    path: string
    ref: string
    offset: number
    total: number
    expected: Digest | undefined
    startedAt: bigint
    updatedAt: bigint
  }) {
    this.#handle = options.handle
    this.#owner = options.owner
    this.path = options.path
    this.#ref = options.ref
    this.#offset = options.offset
    this.#total = options.total
    this.#expected = options.expected
    this.#startedAt = options.startedAt
    this.#updatedAt = options.updatedAt
  }

  status(): IngestStatus {
    return {
      ref: this.#ref,
      offset: this.#offset,
      total: this.#total,
      startedAt: this.#startedAt,
      updatedAt: this.#updatedAt,
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#assertOpen()
    const hash = await this.#hashUpTo(this.#expected ? algorithmOf(this.#expected) : "sha256")
    const writing = this.#writeFully(bytes)
    hash.update(bytes)
    try {
      await writing
    } catch (error) {
      this.#hash = undefined
      throw explainFullDisk(error, `${this.#ref} (${this.#offset} bytes of it were written)`, this.path)
    }
    this.#updatedAt = nowNanos()
  }

  async truncate(offset: number): Promise<void> {
    this.#assertOpen()
    if (offset < 0 || offset > this.#offset) {
      throw new Failure("outOfRange", `cannot truncate ${this.#ref} to ${offset}: it has ${this.#offset} bytes`)
    }
    await this.#handle.truncate(offset)
    this.#offset = offset
    this.#hash = undefined
    this.#updatedAt = nowNanos()
  }

  digest(): Promise<Digest> {
    this.#assertOpen()
    return this.#digest(this.#expected ? algorithmOf(this.#expected) : "sha256")
  }

  async commit(
    scope: Scope,
    expected: {
      readonly digest?: Digest
      readonly size?: number
      readonly labels?: Labels
      readonly unsynced?: boolean
      readonly mediaType?: string
    } = {},
  ): Promise<ContentInfo> {
    this.#assertOpen()
    const { labels = {}, unsynced = false, mediaType = "" } = expected
    if (expected.size !== undefined && expected.size !== this.#offset) {
      if (this.#offset > expected.size) await this.#discard()
      throw new Failure(
        "invalidArgument",
        `${this.#ref} has ${this.#offset} bytes where ${expected.size} were expected; fetch it again`,
      )
    }
    const wanted = expected.digest ?? this.#expected
    const digest = await this.#digest(wanted ? algorithmOf(wanted) : "sha256")
    if (wanted && digest !== wanted) {
      await this.#discard()
      throw new Failure(
        "invalidArgument",
        `${this.#ref} has digest ${digest} where ${wanted} was expected; fetch it again`,
      )
    }
    try {
      if (!unsynced) await this.#handle.datasync()
    } catch (error) {
      throw explainFullDisk(error, this.#ref, this.path)
    }
    this.#closed = true
    try {
      await this.#handle.close()
      return await this.#owner.publish(scope, digest, this.#offset, { labels, unsynced, mediaType })
    } finally {
      this.#owner.release()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#handle.close()
    this.#owner.release()
  }

  async #discard(): Promise<void> {
    this.#closed = true
    await this.#handle.close()
    await this.#owner.discard()
    this.#owner.release()
  }

  #assertOpen(): void {
    if (this.#closed) throw new Failure("conflict", `the write ${this.#ref} is closed`)
  }

  async #writeFully(bytes: Uint8Array): Promise<void> {
    const start = this.#offset
    try {
      for (let written = 0; written < bytes.length; ) {
        const result = await this.#handle.write(bytes, written, bytes.length - written, start + written)
        written += result.bytesWritten
        this.#offset = start + written
      }
    } catch (error) {
      await this.#handle.truncate(this.#offset)
      throw error
    }
  }

  async #digest(algorithm: "sha256" | "sha512"): Promise<Digest> {
    return `${algorithm}:${(await this.#hashUpTo(algorithm)).copy().digest("hex")}` as Digest
  }

  /** The hash state over everything written, computed from the file when this process has not seen all of it. */
  async #hashUpTo(algorithm: "sha256" | "sha512"): Promise<Hash> {
    if (this.#hash?.algorithm === algorithm) return this.#hash.state
    const state = createHash(algorithm)
    for await (const chunk of new FileReader(this.#handle, this.#offset).stream()) state.update(chunk)
    this.#hash = { algorithm, state }
    return state
  }
}
