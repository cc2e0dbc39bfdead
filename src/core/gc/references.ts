import { readFileSync } from "node:fs"
import { isIndex, isManifest } from "../../oci/descriptor.ts"
import { type ChainID, chainIDs, type Digest, isDigest, parseDiffID } from "../../oci/digest.ts"

/** What one blob keeps alive. */
export interface References {
  readonly content: readonly Digest[]
  readonly snapshots: readonly ChainID[]
}

const nothing: References = { content: [], snapshots: [] }
/** Manifests, indexes and configurations are small; a larger blob is a layer. */
const largestDocument = 8 << 20

/**
 * Reads what a blob refers to: an index its manifests, a manifest its configuration and layers, a configuration the
 * snapshots of its layers. Blobs never change, so each is parsed once. Synchronous: a mark must see one moment.
 */
export class BlobReferences {
  readonly #pathOf: (digest: Digest) => string
  readonly #known = new Map<Digest, References>()

  constructor(pathOf: (digest: Digest) => string) {
    this.#pathOf = pathOf
  }

  of(digest: Digest, size: number): References {
    if (size > largestDocument) return nothing
    const known = this.#known.get(digest)
    if (known) return known
    const found = read(this.#pathOf(digest))
    if (found) this.#known.set(digest, found)
    return found ?? nothing
  }

  /** Forgets blobs that are gone. */
  keepOnly(digests: ReadonlySet<Digest>): void {
    for (const digest of this.#known.keys()) if (!digests.has(digest)) this.#known.delete(digest)
  }
}

/** @returns undefined when the file cannot be read (it was lost): then nothing is known */
function read(path: string): References | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch {
    return undefined
  }
  // Layers are archives; every document begins with a brace.
  if (!/^\s*\{/.test(bytes.toString("latin1", 0, 64))) return nothing
  try {
    return referencesOf(JSON.parse(bytes.toString("utf8")) as Document)
  } catch {
    return nothing
  }
}

interface Document {
  readonly mediaType?: unknown
  readonly manifests?: unknown
  readonly config?: unknown
  readonly layers?: unknown
  readonly subject?: unknown
  readonly rootfs?: { readonly diff_ids?: unknown } | null
}

function referencesOf(document: Document): References {
  const mediaType = typeof document.mediaType === "string" ? document.mediaType : ""
  if (Array.isArray(document.manifests) && (mediaType === "" || isIndex(mediaType))) {
    return { content: digestsOf(document.manifests), snapshots: [] }
  }
  if (Array.isArray(document.layers) && (mediaType === "" || isManifest(mediaType))) {
    return { content: digestsOf([document.config, ...document.layers, document.subject]), snapshots: [] }
  }
  const diffIDs = document.rootfs?.diff_ids
  if (Array.isArray(diffIDs)) return { content: [], snapshots: chainIDs(diffIDs.map((id) => parseDiffID(String(id)))) }
  return nothing
}

const digestsOf = (descriptors: readonly unknown[]): Digest[] =>
  descriptors
    .map((descriptor) => (descriptor as { digest?: unknown } | null | undefined)?.digest)
    .filter((digest): digest is Digest => typeof digest === "string" && isDigest(digest))
