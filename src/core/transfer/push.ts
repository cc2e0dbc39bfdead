import { sendBlob } from "../../distribution/blob-upload.ts"
import { RegistryError } from "../../distribution/registry-error.ts"
import type { Repository } from "../../distribution/repository.ts"
import { type Descriptor, isIndex } from "../../oci/descriptor.ts"
import { type DiffID, type Digest, parseDiffID } from "../../oci/digest.ts"
import { walkImage } from "../../oci/graph.ts"
import type { Platform } from "../../oci/platform.ts"
import type { Semaphore } from "../../std/semaphore.ts"
import type { ContentStore } from "../content/contract.ts"
import type { Scope } from "../scope.ts"
import { parseIndex } from "./documents.ts"
import type { TellProgress, TransferStep } from "./progress.ts"
import { readImage, resolveImage } from "./resolve.ts"
import { addSource, sourcesOf } from "./sources.ts"

export interface PushOptions {
  readonly platform?: Platform
  readonly progress: TellProgress
  /** Uploads at the same time. */
  readonly slots: Semaphore
  /** Brings a blob back that is not here. @throws notFound */
  readonly restore: (scope: Scope, blob: Descriptor) => Promise<void>
}

interface Layer {
  readonly descriptor: Descriptor
  /** Absent for what is no layer of a file system. */
  readonly diffID?: DiffID
}

interface Parcel {
  /** What the tag is going to be. */
  readonly root: Descriptor
  /** Manifests and indexes, those that others name before these. */
  readonly documents: readonly Descriptor[]
  readonly configs: readonly Descriptor[]
  readonly layers: readonly Layer[]
}

/**
 * Brings `target`, or the part of it for one platform, into a repository under `tag`: blobs that are not there yet, several at a time, then
 * manifests, and the tag last, so that nobody ever sees half an image.
 * @returns what the tag is now
 */
export async function pushImage(
  scope: Scope,
  content: ContentStore,
  repository: Repository,
  target: Descriptor,
  tag: string,
  options: PushOptions,
): Promise<Descriptor> {
  const { signal } = scope
  const parcel = await pack(scope, content, target, options.platform)
  const failed = new AbortController()
  const held = { ...scope, signal: signal ? AbortSignal.any([signal, failed.signal]) : failed.signal }
  // The topmost first, as Docker tells it.
  const layers = parcel.layers.toReversed()
  const teller =
    ({ descriptor: object, diffID }: Layer) =>
    (step: TransferStep) =>
      options.progress({ object, ...(diffID ? { diffID } : {}), ...step })
  for (const layer of layers) teller(layer)({ phase: "queued" })
  const pushes = layers.map(async (layer) => {
    const { descriptor } = layer
    const tell = teller(layer)
    const waiting = setTimeout(() => tell({ phase: "waiting" }), 0)
    using _slot = await options.slots.acquire()
    clearTimeout(waiting)
    await pushBlob(held, content, repository, descriptor, tell, options.restore)
  })
  for (const push of pushes) push.catch((error: unknown) => failed.abort(error))
  await Promise.all(pushes)
  for (const config of parcel.configs) await pushBlob(held, content, repository, config, () => {}, options.restore)
  for (const document of parcel.documents) {
    const bytes = await content.readAll(scope, document.digest)
    const last = document.digest === parcel.root.digest
    await repository.putManifest(last ? tag : document.digest, document.mediaType, bytes, signal)
    await addSource(scope, content, document.digest, repository)
  }
  return parcel.root
}

/** @throws notFound when something of it is not in the store */
async function pack(
  scope: Scope,
  content: ContentStore,
  target: Descriptor,
  platform: Platform | undefined,
): Promise<Parcel> {
  if (!isIndex(target.mediaType) || platform) {
    const image = await resolveImage(scope, content, target, platform)
    return await imageParcel(scope, content, image.manifest)
  }
  // Of an index that is here in part, what is here for this host goes out as it is.
  return (
    (await packWhole(scope, content, target)) ??
    (await imageParcel(scope, content, (await resolveImage(scope, content, target)).manifest))
  )
}

/** All that an index leads to; undefined when some of it is not in the store. */
async function packWhole(scope: Scope, content: ContentStore, target: Descriptor): Promise<Parcel | undefined> {
  const listed = async ({ mediaType, digest }: Descriptor) =>
    isIndex(mediaType) && (await content.has(scope, digest))
      ? parseIndex(await content.readAll(scope, digest)).manifests
      : []
  const documents: Descriptor[] = []
  const configs: Descriptor[] = []
  const layers = new Map<Digest, Layer>()
  for await (const document of walkImage(target, listed)) {
    if (!(await content.has(scope, document.digest))) return undefined
    if (isIndex(document.mediaType)) {
      documents.push(document)
      continue
    }
    const parcel = await imageParcel(scope, content, document)
    for (const { digest } of [...parcel.configs, ...parcel.layers.map((layer) => layer.descriptor)]) {
      if (!(await content.has(scope, digest))) return undefined
    }
    documents.push(...parcel.documents)
    configs.push(...parcel.configs)
    for (const layer of parcel.layers) layers.set(layer.descriptor.digest, layer)
  }
  return { root: target, documents, configs, layers: [...layers.values()] }
}

async function imageParcel(scope: Scope, content: ContentStore, manifest: Descriptor): Promise<Parcel> {
  const document = JSON.parse(Buffer.from(await content.readAll(scope, manifest.digest)).toString("utf8")) as {
    readonly config: Descriptor
    readonly layers: readonly Descriptor[]
    readonly mediaType?: string
  }
  const diffIDs = await readImage(scope, content, manifest).then(
    (image) => image.config.rootfs.diff_ids.map(parseDiffID),
    // Attestations and other artifacts have no file system.
    () => [],
  )
  const mediaType = document.mediaType ?? manifest.mediaType
  const root = { mediaType, digest: manifest.digest, size: manifest.size }
  return {
    root,
    documents: [root],
    configs: [document.config],
    layers: document.layers.map((descriptor, at) => {
      const diffID = diffIDs[at]
      return { descriptor, ...(diffID ? { diffID } : {}) }
    }),
  }
}

/** Brings one blob there unless it is: taken over from another repository of the registry when that is known to have it. */
export async function pushBlob(
  scope: Scope,
  content: ContentStore,
  repository: Repository,
  blob: Descriptor,
  tell: (step: TransferStep) => void,
  restore: PushOptions["restore"],
): Promise<void> {
  const { signal } = scope
  signal?.throwIfAborted()
  if ((await repository.blobSize(blob.digest, signal)) !== undefined) {
    tell({ phase: "present" })
    await remember(scope, content, repository, blob)
    return
  }
  if (!(await content.has(scope, blob.digest))) await restore(scope, blob)
  const elsewhere = sourcesOf(await content.info(scope, blob.digest), repository.domain)
  const mountFrom = elsewhere.findLast((name) => name !== repository.name)
  const options = signal ? { signal } : {}
  // Rights to read the other repository may be missing: then it is sent.
  const begin = () =>
    mountFrom
      ? repository.upload(blob.digest, { mountFrom, ...options }).catch((error: unknown) => {
          if (!(error instanceof RegistryError)) throw error
          return repository.upload(blob.digest, options)
        })
      : repository.upload(blob.digest, options)
  await using reader = await content.open(scope, blob.digest)
  const source = { size: blob.size, open: (offset: number, length: number) => reader.stream(offset, length) }
  const sent = await sendBlob(begin, source, (current) => tell({ phase: "sending", current, total: blob.size }))
  tell(sent || mountFrom === undefined ? { phase: "sent" } : { phase: "linked", from: mountFrom })
  await remember(scope, content, repository, blob)
}

async function remember(scope: Scope, content: ContentStore, repository: Repository, blob: Descriptor): Promise<void> {
  if (await content.has(scope, blob.digest)) await addSource(scope, content, blob.digest, repository)
}
