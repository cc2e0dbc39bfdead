import { sendBlob } from "../../distribution/blob-upload.ts"
import { RegistryError } from "../../distribution/registry-error.ts"
import type { Repository } from "../../distribution/repository.ts"
import { Failure } from "../../errors/failure.ts"
import { type Descriptor, isIndex } from "../../oci/descriptor.ts"
import { type Digest, digestOf, isDigest } from "../../oci/digest.ts"
import { walkImage } from "../../oci/graph.ts"
import { formatPlatform, type Platform, platformDistance } from "../../oci/platform.ts"
import type { Semaphore } from "../../std/semaphore.ts"
import type { Scope } from "../scope.ts"
import { attachedTags } from "./attached.ts"
import { parseIndex } from "./documents.ts"
import type { TellProgress } from "./progress.ts"

export interface CopyOptions {
  /** Only this platform's image of an index. */
  readonly platform?: Platform
  /** Signatures, SBOMs and attestations that refer to what is copied go along. */
  readonly referrers: boolean
  readonly progress: TellProgress
  readonly slots: Semaphore
}

interface Document {
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
}

/** What is copied: documents in the order in which they may appear, and the blobs they name. */
interface Cargo {
  readonly documents: Map<Digest, Document>
  readonly blobs: Map<Digest, Descriptor>
}

/**
 * Copies `from` of one repository to `tag` of another, registry to registry: nothing is stored here or unpacked. Blobs that are there
 * stay; within one registry they are only linked. The tag comes last.
 * @returns what the tag is now
 */
export async function copyImage(
  scope: Scope,
  source: Repository,
  from: string,
  target: Repository,
  tag: string,
  options: CopyOptions,
): Promise<Descriptor> {
  const { signal } = scope
  const root = await chosen(source, await fetched(source, from, signal), options.platform, signal)
  const cargo: Cargo = { documents: new Map(), blobs: new Map() }
  await collect(source, root, cargo, signal)
  const tags = options.referrers ? await addReferrers(source, cargo, signal) : []
  const failed = new AbortController()
  const held = { ...scope, signal: signal ? AbortSignal.any([signal, failed.signal]) : failed.signal }
  const moves = [...cargo.blobs.values()].map((blob) =>
    options.slots.run(() => copyBlob(held, source, target, blob, options.progress)),
  )
  for (const move of moves) move.catch((error: unknown) => failed.abort(error))
  await Promise.all(moves)
  for (const { descriptor, bytes } of cargo.documents.values()) {
    if (descriptor.digest === root.descriptor.digest) continue
    await target.putManifest(descriptor.digest, descriptor.mediaType, bytes, signal)
  }
  for (const { name, digest } of tags) {
    const { descriptor, bytes } = cargo.documents.get(digest)!
    await target.putManifest(name, descriptor.mediaType, bytes, signal)
  }
  await target.putManifest(tag, root.descriptor.mediaType, root.bytes, signal)
  return root.descriptor
}

async function fetched(source: Repository, reference: string, signal: AbortSignal | undefined): Promise<Document> {
  const document = await source.manifest(reference, signal)
  if (isDigest(reference) && reference.startsWith("sha256:") && digestOf(document.bytes) !== reference) {
    throw new Failure("dataLoss", `manifest verification failed for digest ${reference}`)
  }
  return document
}

async function chosen(
  source: Repository,
  document: Document,
  platform: Platform | undefined,
  signal: AbortSignal | undefined,
): Promise<Document> {
  if (!platform || !isIndex(document.descriptor.mediaType)) return document
  const best = parseIndex(document.bytes)
    .manifests.flatMap((each) => {
      const distance = each.platform && platformDistance(platform, each.platform)
      return distance === undefined ? [] : [{ each, distance }]
    })
    .sort((one, other) => one.distance - other.distance)[0]
  if (!best) {
    throw new Failure("notFound", `no matching manifest for ${formatPlatform(platform)} in the manifest list entries`)
  }
  return await fetched(source, best.each.digest, signal)
}

/** Adds a document, and before it all that it names. */
async function collect(
  source: Repository,
  top: Document,
  cargo: Cargo,
  signal: AbortSignal | undefined,
): Promise<void> {
  const come = new Map([[top.descriptor.digest, top]])
  const listed = async ({ digest }: Descriptor) => {
    if (cargo.documents.has(digest)) return []
    const document = come.get(digest) ?? (await fetched(source, digest, signal))
    come.set(digest, document)
    return isIndex(document.descriptor.mediaType) ? parseIndex(document.bytes).manifests : []
  }
  for await (const { digest } of walkImage(top.descriptor, listed)) {
    if (cargo.documents.has(digest)) continue
    const document = come.get(digest)!
    if (!isIndex(document.descriptor.mediaType)) {
      for (const blob of blobsOf(document)) cargo.blobs.set(blob.digest, blob)
    }
    cargo.documents.set(digest, document)
  }
}

/** Configuration and layers of any kind of manifest; layers that lie elsewhere stay there. */
function blobsOf({ descriptor, bytes }: Document): readonly Descriptor[] {
  const { config, layers } = JSON.parse(Buffer.from(bytes).toString("utf8")) as {
    readonly config?: Descriptor
    readonly layers?: readonly Descriptor[]
  }
  if (!config || !isDigest(config.digest) || !Array.isArray(layers)) {
    throw new Failure("invalidArgument", `unsupported media type ${descriptor.mediaType || "(none)"}`)
  }
  return [config, ...layers.filter((layer: Descriptor) => !layer.urls?.length)]
}

/** @returns the tags under which registries without a list of referrers keep them */
async function addReferrers(
  source: Repository,
  cargo: Cargo,
  signal: AbortSignal | undefined,
): Promise<readonly { readonly name: string; readonly digest: Digest }[]> {
  const tags: { name: string; digest: Digest }[] = []
  for (const digest of [...cargo.documents.keys()]) {
    for (const referrer of await source.referrers(digest, signal)) {
      await collect(source, await fetched(source, referrer.digest, signal), cargo, signal)
    }
    for (const name of attachedTags(digest)) {
      try {
        const document = await fetched(source, name, signal)
        await collect(source, document, cargo, signal)
        tags.push({ name, digest: document.descriptor.digest })
      } catch (error) {
        if (!(error instanceof RegistryError) || error.status !== 404) throw error
      }
    }
  }
  return tags
}

async function copyBlob(
  scope: Scope,
  source: Repository,
  target: Repository,
  blob: Descriptor,
  progress: TellProgress,
): Promise<void> {
  const { signal } = scope
  signal?.throwIfAborted()
  const withSignal = signal ? { signal } : {}
  if ((await target.blobSize(blob.digest, signal)) !== undefined) {
    progress({ object: blob, phase: "present" })
    return
  }
  const mountFrom = source.domain === target.domain ? { mountFrom: source.name } : {}
  async function* read(offset: number, length: number) {
    const whole = offset === 0 && length === blob.size
    const part = await source.blob(blob.digest, { ...(whole ? {} : { offset, length }), ...withSignal })
    if (part.offset !== offset) {
      part.discard()
      throw new Failure("unavailable", `${source.domain} cannot send ${blob.digest} from byte ${offset} on`)
    }
    try {
      yield* part.body
    } catch (error) {
      part.reject(error)
      throw error
    }
  }
  const sent = await sendBlob(
    () => target.upload(blob.digest, { ...mountFrom, ...withSignal }),
    { size: blob.size, open: read },
    (current) => progress({ object: blob, phase: "sending", current, total: blob.size }),
  )
  progress({ object: blob, ...(sent ? { phase: "sent" } : { phase: "linked", from: source.name }) })
}
