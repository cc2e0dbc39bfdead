import { Failure } from "../../errors/failure.ts"
import type { Descriptor } from "../../oci/descriptor.ts"
import { type Digest, isDigest } from "../../oci/digest.ts"
import { type Compression, decompress, peek } from "../../std/compression.ts"
import { readTar, type TarMember } from "../../std/tar/reader.ts"
import type { ContentStore } from "../content/contract.ts"
import { storeStream } from "../content/store-stream.ts"
import { componentsOf, showPath } from "../layers/entry-path.ts"
import type { Scope } from "../scope.ts"

/** A file of an image archive that is in the content store now. */
export interface ArchivedBlob extends Pick<Descriptor, "digest" | "size"> {
  readonly compression: Compression
}

const mostMembers = 100_000
/** Documents are kept in memory; larger ones are refused. */
const largestDocument = 8 << 20
const documents = new Set(["manifest.json", "index.json", "oci-layout", "repositories"])

/** What Docker wrote beside each layer for versions before 1.10; the archives of these have nothing else. */
const superseded = /\/(VERSION|json)$/
const layerDocument = /^[0-9a-f]{64}\/json$/

const refuse = (what: string) => new Failure("invalidArgument", `invalid image archive: ${what}`)

/** An image archive whose files are in the content store, under the caller's lease; nothing is unpacked by path. */
export class ImageArchive {
  readonly #documents = new Map<string, Buffer>()
  readonly #blobs = new Map<string, ArchivedBlob>()
  #layerDocuments = 0
  readonly #links = new Map<string, string>()

  private constructor() {}

  /**
   * Reads `source`, plain or compressed, to its end.
   * @throws invalidArgument when it is malformed, hostile, or a blob is not what its name says
   */
  static async read(scope: Scope, content: ContentStore, source: AsyncIterable<Uint8Array>): Promise<ImageArchive> {
    const archive = new ImageArchive()
    const { compression, stream } = await peek(source)
    let members = 0
    for await (const member of readTar(decompress(stream, compression))) {
      if (++members > mostMembers) throw refuse(`more than ${mostMembers} entries`)
      await archive.#add(scope, content, member)
    }
    return archive
  }

  /** A small document by its path. */
  document(path: string): Buffer | undefined {
    return this.#documents.get(this.#target(path))
  }

  /** A stored file by its path; links within the archive are followed (Docker's older archives have them). */
  blob(path: string): ArchivedBlob | undefined {
    return this.#blobs.get(this.#target(normal(Buffer.from(path))))
  }

  async #add(scope: Scope, content: ContentStore, { entry, body }: TarMember): Promise<void> {
    const path = componentsOf(entry.name).join("/")
    switch (entry.type) {
      case "directory":
        return
      case "symlink":
      case "hardlink": {
        const target = entry.linkName!.toString("latin1")
        const base = entry.type === "hardlink" || target.startsWith("/") ? "" : path.slice(0, path.lastIndexOf("/") + 1)
        this.#assertNew(path)
        this.#links.set(path, normal(Buffer.from(`${base}${target}`, "latin1")))
        return
      }
      case "file":
        break
      default:
        throw refuse(`${showPath(path)} is a ${entry.type}`)
    }
    if (path === "") throw refuse("its root is a file")
    if (superseded.test(path) && !this.#isKept(path, entry.size)) return
    if (entry.sparse) throw refuse(`${showPath(path)} is stored as a sparse file`)
    if (documents.has(path) || layerDocument.test(path)) {
      if (entry.size > largestDocument) throw refuse(`${showPath(path)} has ${entry.size} bytes`)
      const bytes = Buffer.concat(await Array.fromAsync(body, (chunk) => Buffer.from(chunk)))
      if (this.#documents.has(path) && !this.#documents.get(path)!.equals(bytes)) throw twice(path)
      this.#documents.set(path, bytes)
      return
    }
    const named = /^blobs\/(sha256|sha512)\/([^/]+)$/.exec(path)
    const expected = named ? `${named[1]}:${named[2]}` : undefined
    if (expected !== undefined && !isDigest(expected)) throw refuse(`${showPath(path)} is not named by a digest`)
    const { compression, stream } = await peek(body)
    const { digest, size } = await storeStream(scope, content, stream, {
      expected: { size: entry.size, ...(expected ? { digest: expected as Digest } : {}) },
      // A layer: as it lies mounted it is brought to the disk in the background too.
      unsynced: compression !== "none" || entry.size > largestDocument,
    })
    const earlier = this.#blobs.get(path)
    if (earlier && earlier.digest !== digest) throw twice(path)
    this.#assertNew(path, earlier !== undefined)
    this.#blobs.set(path, { digest, size, compression })
  }

  /** Whether a layer's document of the old form is kept: as many as go into memory. */
  #isKept(path: string, size: number): boolean {
    if (!layerDocument.test(path) || this.#layerDocuments + size > largestDocument) return false
    this.#layerDocuments += size
    return true
  }

  #assertNew(path: string, known = false): void {
    if (this.#links.has(path) || (!known && this.#blobs.has(path))) throw twice(path)
  }

  #target(path: string): string {
    let at = path
    for (let followed = 0; ; followed++) {
      const next = this.#links.get(at)
      if (next === undefined) return at
      if (followed > 40) throw refuse(`${showPath(path)} is a loop of links`)
      at = next
    }
  }
}

const twice = (path: string) => refuse(`it has two different files named ${showPath(path)}`)

const normal = (path: Buffer): string => componentsOf(path).join("/")
