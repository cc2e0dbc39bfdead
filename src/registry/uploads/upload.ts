import { createHash, type Hash } from "node:crypto"
import { createReadStream } from "node:fs"
import { type FileHandle, open, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import { algorithmOf, type Digest, hexOf } from "../../oci/digest.ts"
import type { BufferDebt } from "../../std/buffer-debt.ts"
import { Refusal } from "../refusal.ts"

export type Algorithm = "sha256" | "sha512"

/** What is written down of an upload, so that it goes on after a restart. */
export interface UploadRecord {
  readonly repository: string
  readonly algorithm: Algorithm
  /** Milliseconds since the epoch. */
  readonly startedAt: number
}

/** So many bytes are handed to the kernel at once. */
const batchBytes = 256 * 1024
/** Bytes that all uploads together keep for larger batches: beyond them each chunk is written as it comes. */
const mostUnwritten = 4 << 20

/** What uploads share. */
export interface UploadMemory {
  /** Frees the bodies' buffers once they are written. */
  readonly debt: BufferDebt
  /** Bytes that have come and are not written yet. */
  unwritten: number
}

/**
 * Bytes on their way to become a blob. One writer at a time. The digest is computed as the bytes come; after a restart, or a failed
 * write, it is computed from the file at the end.
 */
export class Upload {
  readonly id: string
  readonly repository: string
  readonly startedAt: number
  readonly directory: string
  readonly #algorithm: Algorithm
  readonly #memory: UploadMemory
  #hash: Hash | undefined
  #handle: FileHandle | undefined
  #offset: number
  #busy = false
  #over = false
  /** When something was last done with it: milliseconds since the epoch. */
  touchedAt = Date.now()

  /** @param offset bytes that its file has */
  constructor(id: string, directory: string, record: UploadRecord, offset: number, memory: UploadMemory) {
    this.#memory = memory
    this.id = id
    this.directory = directory
    this.repository = record.repository
    this.startedAt = record.startedAt
    this.#algorithm = record.algorithm
    this.#offset = offset
    if (offset === 0) this.#hash = createHash(record.algorithm)
  }

  /** Bytes received so far. */
  get offset(): number {
    return this.#offset
  }

  get busy(): boolean {
    return this.#busy
  }

  /** Whether it has become a blob or was given up. */
  get over(): boolean {
    return this.#over
  }

  /** The file with the bytes. */
  get file(): string {
    return join(this.directory, "data")
  }

  /**
   * Appends a body. What came before a connection broke is kept. The file is closed at the end: a client may never come back.
   * @param options.limit bytes that the upload may have in all
   * @param options.progress called when more bytes are in the file
   * @throws Refusal while another request writes; SIZE_INVALID beyond the limit; whatever the body or the disk fails with
   */
  append(
    body: AsyncIterable<Uint8Array>,
    options: { readonly limit?: number; readonly progress?: () => void } = {},
  ): Promise<void> {
    const { limit = Number.POSITIVE_INFINITY, progress } = options
    const memory = this.#memory
    return this.exclusively(async () => {
      let batch: Uint8Array[] = []
      let bytes = 0
      const take = () => {
        const taken = batch
        memory.unwritten -= bytes
        batch = []
        bytes = 0
        return taken
      }
      const flush = async () => {
        await this.#write(take())
        progress?.()
      }
      try {
        for await (const chunk of body) {
          batch.push(chunk)
          bytes += chunk.length
          memory.unwritten += chunk.length
          if (this.#offset + bytes > limit) {
            throw new Refusal("DENIED", `the upload exceeds what repository ${this.repository} may still store`, {
              status: 413,
            })
          }
          if (bytes >= batchBytes || memory.unwritten >= mostUnwritten) await flush()
        }
        await flush()
      } catch (error) {
        if (error instanceof Refusal) take()
        else await flush()
        throw error
      } finally {
        await this.close()
      }
    })
  }

  /** Runs `work` as the only one that uses the upload. @throws Refusal BLOB_UPLOAD_INVALID while another does */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#over) throw unknownUpload(this.id)
    if (this.#busy) {
      throw new Refusal(
        "BLOB_UPLOAD_INVALID",
        "another request is writing this upload: wait for it, then ask where it stands",
        {
          status: 409,
        },
      )
    }
    this.#busy = true
    try {
      return await work()
    } finally {
      this.#busy = false
      this.touchedAt = Date.now()
    }
  }

  /** Whether the bytes have `digest`. Puts them on disk. */
  async matches(digest: Digest): Promise<boolean> {
    await this.#open()
    const [actual] = await Promise.all([this.#digest(algorithmOf(digest)), this.#handle!.datasync()])
    return actual === hexOf(digest)
  }

  /** Closes the file and removes the upload's own name of it. */
  async finish(): Promise<void> {
    this.#over = true
    await this.close()
    await rm(this.directory, { recursive: true, force: true })
  }

  /** Closes the file; the upload can go on later. */
  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  async #write(batch: readonly Uint8Array[]): Promise<void> {
    if (batch.length === 0) return
    await this.#open()
    const bytes = batch.reduce((sum, chunk) => sum + chunk.length, 0)
    const written = writeAll(this.#handle!, batch, bytes, this.#offset)
    if (this.#hash) for (const chunk of batch) this.#hash.update(chunk)
    try {
      await written
    } catch (error) {
      // The file may hold a part of the batch: what counts is what it holds, hashed anew at the end.
      this.#hash = undefined
      this.#offset = (await stat(this.file)).size
      throw error
    }
    this.#offset += bytes
    this.#memory.debt.free(batch)
  }

  async #open(): Promise<void> {
    this.#handle ??= await open(this.file, "r+")
  }

  async #digest(algorithm: Algorithm): Promise<string> {
    if (this.#hash && algorithm === this.#algorithm) return this.#hash.copy().digest("hex")
    const hash = createHash(algorithm)
    for await (const chunk of createReadStream(this.file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer)
    return hash.digest("hex")
  }
}

async function writeAll(handle: FileHandle, batch: readonly Uint8Array[], bytes: number, at: number): Promise<void> {
  const { bytesWritten } = await handle.writev(batch as Uint8Array[], at)
  if (bytesWritten === bytes) return
  // A short write says why at the next attempt (a full disk), or goes on.
  const rest = Buffer.concat(batch).subarray(bytesWritten)
  for (let done = 0; done < rest.length; ) {
    done += (await handle.write(rest, done, rest.length - done, at + bytesWritten + done)).bytesWritten
  }
}

export const unknownUpload = (id: string): Refusal =>
  new Refusal("BLOB_UPLOAD_UNKNOWN", `there is no upload ${id} in this repository: start a new one`)
