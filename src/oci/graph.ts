import { Failure } from "../errors/failure.ts"
import { type Descriptor, isImageConfig, isIndex, isManifest } from "./descriptor.ts"
import { type Digest, isDigest } from "./digest.ts"

/** Indexes within indexes beyond this are refused, wherever an image is read, sent, copied or loaded. */
export const deepestIndex = 4

/** @throws invalidArgument when an index lies deeper below the image's top than {@link deepestIndex} */
export function checkDepth({ digest }: Descriptor, depth: number): void {
  if (depth > deepestIndex) throw new Failure("invalidArgument", `image index ${digest} is nested too deeply`)
}

/**
 * Walks an image: each index and manifest once, after those that it lists, so that documents sent or stored in this order never name what
 * is not there yet.
 * @param listed the documents to walk to from an index; none from a manifest
 * @throws invalidArgument for indexes that are nested too deeply; what `listed` throws
 */
export async function* walkImage(
  root: Descriptor,
  listed: (document: Descriptor) => Promise<readonly Descriptor[]>,
): AsyncGenerator<Descriptor> {
  yield* walk(root, listed, new Set(), 0)
}

async function* walk(
  document: Descriptor,
  listed: (document: Descriptor) => Promise<readonly Descriptor[]>,
  seen: Set<Digest>,
  depth: number,
): AsyncGenerator<Descriptor> {
  if (seen.has(document.digest)) return
  seen.add(document.digest)
  checkDepth(document, depth)
  for (const each of await listed(document)) yield* walk(each, listed, seen, depth + 1)
  yield document
}

/** What a document refers to, as far as it can be read. */
export interface Links {
  /** Manifests of an index; configuration and layers of a manifest; what it is about. */
  readonly content: readonly { readonly digest: Digest; readonly mediaType?: string }[]
  /** Layers by what they unpack to, of an image's configuration; as they are written. */
  readonly diffIDs: readonly string[]
}

const none: Links = { content: [], diffIDs: [] }

/** Whether bytes of this type are a document with links; a layer has none. Of bytes without a type nothing is known. */
export const mayHaveLinks = (mediaType: string | undefined): boolean =>
  mediaType === undefined || isIndex(mediaType) || isManifest(mediaType) || isImageConfig(mediaType)

/** Reads what a document, by its own words, refers to. What is malformed in it counts as absent: nothing is judged here. */
export function linksOf(document: unknown): Links {
  if (!isObject(document)) return none
  const mediaType = typeof document["mediaType"] === "string" ? document["mediaType"] : ""
  const { manifests, layers, config, subject, rootfs } = document
  if (Array.isArray(manifests) && (mediaType === "" || isIndex(mediaType))) {
    return { content: descriptors([...manifests, subject]), diffIDs: [] }
  }
  if (Array.isArray(layers) && (mediaType === "" || isManifest(mediaType))) {
    return { content: descriptors([config, ...layers, subject]), diffIDs: [] }
  }
  const diffIDs = isObject(rootfs) ? rootfs["diff_ids"] : undefined
  return Array.isArray(diffIDs) ? { content: [], diffIDs: diffIDs.map(String) } : none
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

function descriptors(values: readonly unknown[]): Links["content"] {
  return values.flatMap((value) => {
    const { digest, mediaType } = isObject(value) ? value : {}
    if (typeof digest !== "string" || !isDigest(digest)) return []
    return [{ digest, ...(typeof mediaType === "string" && mediaType !== "" ? { mediaType } : {}) }]
  })
}
