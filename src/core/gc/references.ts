import { access, open } from "node:fs/promises"
import { dirname } from "node:path"
import { Failure, messageOf } from "../../errors/failure.ts"
import { type ChainID, chainIDs, type Digest, parseDiffID } from "../../oci/digest.ts"
import { linksOf, mayHaveLinks } from "../../oci/graph.ts"

/** A blob, and the media type that the descriptor which led to it gives; a lease or a label gives none. */
export interface Reached {
  readonly digest: Digest
  readonly mediaType?: string
}

/** What one blob keeps alive. */
export interface References {
  readonly content: readonly Reached[]
  readonly snapshots: readonly ChainID[]
}

const nothing: References = { content: [], snapshots: [] }
/** Manifests, indexes and configurations are small; a larger blob is a layer. Bytes */
const largestDocument = 8 << 20
/** Blobs of unknown type are told apart by this many bytes at their beginning: documents begin with a brace, archives do not. */
const beginning = 64

/**
 * Knows what blobs refer to: an index its manifests, a manifest its configuration and layers, a configuration the snapshots of its layers.
 * Blobs never change, so each document is read once, and layers never are.
 */
export class BlobReferences {
  readonly #pathOf: (digest: Digest) => string
  readonly #known = new Map<Digest, References>()
  /** Documents whose files are missing. They may come back, so nothing is remembered of them for longer than a collection. */
  readonly #unreadable = new Set<Digest>()

  constructor(pathOf: (digest: Digest) => string) {
    this.#pathOf = pathOf
  }

  /** @returns undefined when {@link read} has to be called first */
  of({ digest, mediaType }: Reached): References | undefined {
    return mayHaveLinks(mediaType) ? this.#known.get(digest) : nothing
  }

  /**
   * Reads documents, and those that they lead to. One whose file is missing counts as leading to nothing.
   * @throws unavailable when a document is there and cannot be read, or the folder of all blobs is missing: what they lead
   * to must not be taken for garbage
   */
  async read(blobs: readonly Reached[]): Promise<void> {
    const pending = [...blobs]
    for (let blob = pending.pop(); blob !== undefined; blob = pending.pop()) {
      if (this.of(blob)) continue
      const found = await readReferences(this.#pathOf(blob.digest), blob.mediaType === undefined)
      if (!found) this.#unreadable.add(blob.digest)
      this.#known.set(blob.digest, found ?? nothing)
      pending.push(...(found?.content ?? []))
    }
  }

  /** Forgets blobs that are gone. */
  keepOnly(digests: ReadonlySet<Digest>): void {
    for (const digest of this.#known.keys()) if (!digests.has(digest)) this.#known.delete(digest)
    for (const digest of this.#unreadable) this.#known.delete(digest)
    this.#unreadable.clear()
  }
}

/** @returns undefined when the file is missing @throws unavailable */
async function readReferences(path: string, mayBeLayer: boolean): Promise<References | undefined> {
  let text: string
  try {
    await using file = await open(path)
    if ((await file.stat()).size > largestDocument) return nothing
    if (mayBeLayer) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(beginning), 0, beginning, 0)
      if (!/^\s*\{/.test(buffer.toString("latin1", 0, bytesRead))) return nothing
    }
    text = await file.readFile("utf8")
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT" && (await isThere(dirname(path)))) return undefined
    const advice = "nothing was removed; see whether its disk is mounted and can be read"
    throw new Failure("unavailable", `${path} cannot be read (${messageOf(error)}): ${advice}`, error)
  }
  try {
    const { content, diffIDs } = linksOf(JSON.parse(text))
    return { content, snapshots: chainIDs(diffIDs.map(parseDiffID)) }
  } catch {
    return nothing
  }
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
