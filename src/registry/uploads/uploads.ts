import { randomUUID } from "node:crypto"
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { BufferDebt } from "../../std/buffer-debt.ts"
import { orAbsent } from "../storage/files/durable.ts"
import { type Algorithm, Upload, type UploadMemory, type UploadRecord, unknownUpload } from "./upload.ts"

const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Uploads in memory from which on those are left to their files that nobody has touched for so long (milliseconds). */
const mostKnown = 1000
const idleAfter = 60_000
const looksAtOnce = 10

/** The uploads in progress, in a directory that outlives the server. */
export class Uploads implements AsyncDisposable {
  readonly #directory: string
  readonly #memory: UploadMemory = { debt: new BufferDebt(), unwritten: 0 }
  readonly #open = new Map<string, Promise<Upload | undefined>>()

  constructor(directory: string) {
    this.#directory = directory
  }

  async start(repository: string, algorithm: Algorithm): Promise<Upload> {
    const id = randomUUID()
    // Known before anything of it is on disk: half of it is not taken for a leftover.
    const made = this.#make(id, { repository, algorithm, startedAt: Date.now() })
    this.#open.set(id, made)
    if (this.#open.size > mostKnown) void this.#forgetIdle()
    try {
      return await made
    } catch (error) {
      this.#open.delete(id)
      throw error
    }
  }

  /** @throws Refusal BLOB_UPLOAD_UNKNOWN */
  async get(repository: string, id: string): Promise<Upload> {
    const upload = idPattern.test(id) ? await this.#find(id) : undefined
    if (!upload || upload.over || upload.repository !== repository) throw unknownUpload(id)
    return upload
  }

  /** Ends an upload: by becoming a blob or by being given up. */
  async finish(upload: Upload): Promise<void> {
    await upload.finish()
    this.#open.delete(upload.id)
  }

  /** Every upload there is. */
  async *list(): AsyncIterable<Upload> {
    for (const name of (await orAbsent(readdir(this.#directory))) ?? []) {
      const upload = idPattern.test(name) ? await this.#find(name) : undefined
      if (upload && !upload.over) yield upload
    }
  }

  /** Gives up what nobody has touched since `before` (milliseconds since the epoch). @returns how many */
  async purge(before: number): Promise<number> {
    let purged = 0
    for await (const upload of this.list()) {
      if (upload.busy || upload.touchedAt >= before) continue
      await this.finish(upload)
      purged++
    }
    return purged
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const upload of this.#open.values()) await (await upload.catch(() => undefined))?.close()
    this.#open.clear()
  }

  /** Forgets some uploads whose clients may never come back: one that does is read from its files. */
  async #forgetIdle(): Promise<void> {
    const before = Date.now() - idleAfter
    let looked = 0
    for (const [id, opening] of this.#open) {
      if (++looked > looksAtOnce) return
      const upload = await opening.catch(() => undefined)
      if (this.#open.get(id) !== opening) continue
      this.#open.delete(id)
      // The one that is in use is looked at again after all others.
      if (upload && (upload.busy || upload.touchedAt >= before)) this.#open.set(id, opening)
    }
  }

  async #make(id: string, record: UploadRecord): Promise<Upload> {
    const directory = join(this.#directory, id)
    await mkdir(directory, { recursive: true })
    await writeFile(join(directory, "data"), "")
    await writeFile(join(directory, "upload.json"), JSON.stringify(record))
    return new Upload(id, directory, record, 0, this.#memory)
  }

  #find(id: string): Promise<Upload | undefined> {
    let found = this.#open.get(id)
    if (!found) {
      found = this.#load(id)
      this.#open.set(id, found)
      void found.then((upload) => {
        if (!upload) this.#open.delete(id)
      })
    }
    return found
  }

  /** An upload that an earlier server began. */
  async #load(id: string): Promise<Upload | undefined> {
    const directory = join(this.#directory, id)
    const [text, data] = await Promise.all([
      orAbsent(readFile(join(directory, "upload.json"), "utf8")),
      orAbsent(stat(join(directory, "data"))),
    ])
    if (text === undefined && data === undefined) return undefined
    const record = parseRecord(text)
    // With a second name the file is a blob already: the server went between the two last steps.
    if (!record || !data || data.nlink > 1) {
      await rm(directory, { recursive: true, force: true })
      return undefined
    }
    const upload = new Upload(id, directory, record, data.size, this.#memory)
    upload.touchedAt = data.mtimeMs
    return upload
  }
}

function parseRecord(text: string | undefined): UploadRecord | undefined {
  try {
    return text ? (JSON.parse(text) as UploadRecord) : undefined
  } catch {
    return undefined // cut off while it was written: nobody has heard of the upload
  }
}
