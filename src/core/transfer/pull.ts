import type { Repository } from "../../distribution/repository.ts"
import { Failure } from "../../errors/failure.ts"
import { type Descriptor, isIndex, isManifest } from "../../oci/descriptor.ts"
import { chainIDs, digestOf, parseDiffID } from "../../oci/digest.ts"
import { checkDepth } from "../../oci/graph.ts"
import { manifestFault } from "../../oci/manifest-form.ts"
import { formatPlatform, hostPlatform, type Platform, platformDistance } from "../../oci/platform.ts"
import { familiar, type Reference } from "../../oci/reference.ts"
import type { ContentStore, GrowingBlob } from "../content/contract.ts"
import type { Scope } from "../scope.ts"
import type { Snapshotter } from "../snapshots/contract.ts"
import type { ImageTrust } from "../trust/contract.ts"
import type { ResolvedImage } from "./contract.ts"
import { parseIndex } from "./documents.ts"
import type { BlobFetcher } from "./fetch.ts"
import type { TellProgress, TransferStep } from "./progress.ts"
import { readImage } from "./resolve.ts"
import { addSource } from "./sources.ts"
import type { Unpacker } from "./unpack.ts"

export interface PullStores {
  readonly content: ContentStore
  readonly snapshots: Snapshotter
  readonly fetcher: BlobFetcher
  readonly unpacker: Unpacker
  readonly trust: ImageTrust
  /** Whether layers that are unpacked need to be here as blobs too. */
  readonly keepLayers: boolean
}

export interface PullOptions {
  readonly platform?: Platform
  readonly progress: TellProgress
  /** Told once, when the registry has answered. */
  readonly found: () => void
}

/** Bytes from which on a layer is unpacked while it comes. */
const earlyFrom = 2 << 20

const schema1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/

/**
 * Brings what `reference` is in its registry into the stores: documents, then layers, several at a time; each is unpacked as soon
 * as it and those below are there. Nothing is named yet: all of it belongs to the scope's lease.
 */
export async function pullImage(
  scope: Scope,
  stores: PullStores,
  repository: Repository,
  reference: Reference,
  options: PullOptions,
): Promise<{ readonly target: Descriptor; readonly image: ResolvedImage }> {
  const target = await scope.span.step("resolve", () =>
    repository.resolve(reference.digest ?? reference.tag ?? "latest", scope.signal),
  )
  const manifest = await document(scope, stores, repository, reference, target)
  const chosen = await admitted(scope, stores, repository, reference, manifest.target, options)
  const { config } = chosen.document
  await stores.fetcher.fetch(scope, repository, config, () => {})
  const image = await readImage(scope, stores.content, chosen.target)
  await scope.span.step("layers", (span) => {
    span.set({ image: image.id, layers: image.content.layers.length })
    return layers(scope, stores, repository, image, options.progress)
  })
  const { mediaType, digest, size } = manifest.target
  return { target: { mediaType, digest, size }, image }
}

/**
 * The image for the platform, once the signature policy lets it through: what is signed is the name's target, or the manifest for the
 * platform alone.
 * @throws permissionDenied
 */
async function admitted(
  scope: Scope,
  stores: PullStores,
  repository: Repository,
  reference: Reference,
  target: Descriptor,
  options: PullOptions,
) {
  const refused = (why: string) =>
    new Failure(
      "permissionDenied",
      `${familiar(reference)} (${target.digest}) is refused by the signature policy: ${why}`,
    )
  const objection = await stores.trust.objection(scope, reference, target.digest, repository)
  if (objection && !isIndex(target.mediaType)) throw refused(objection)
  const chosen = await choose(scope, stores, repository, reference, target, options, 0)
  if (objection) {
    const second = await stores.trust.objection(scope, reference, chosen.target.digest, repository)
    const same = second === objection ? "the same" : second
    if (second) throw refused(`${objection}; of its manifest ${chosen.target.digest}: ${same}`)
  }
  return chosen
}

/** A manifest or index, of the store or the registry. @throws invalidArgument for what is not an image */
async function document(
  scope: Scope,
  { content }: PullStores,
  repository: Repository,
  reference: Reference,
  wanted: Descriptor,
): Promise<{ readonly target: Descriptor; readonly bytes: Uint8Array }> {
  refuseUnsupported(wanted.mediaType, reference)
  if (await content.has(scope, wanted.digest)) {
    await addSource(scope, content, wanted.digest, repository)
    const bytes = await content.readAll(scope, wanted.digest)
    refuseAmbiguous(bytes, wanted)
    return { target: wanted, bytes }
  }
  const { descriptor, bytes } = await repository.manifest(wanted.digest, scope.signal)
  if (wanted.digest.startsWith("sha256:") && digestOf(bytes) !== wanted.digest) {
    throw new Failure("dataLoss", `manifest verification failed for digest ${wanted.digest}`)
  }
  refuseUnsupported(descriptor.mediaType, reference)
  refuseAmbiguous(bytes, wanted)
  await content.put(scope, bytes)
  await addSource(scope, content, wanted.digest, repository)
  return { target: { ...wanted, mediaType: descriptor.mediaType || wanted.mediaType, size: bytes.length }, bytes }
}

/** @throws invalidArgument when the bytes are something else than the index that lists them, or the registry's head, says */
function refuseAmbiguous(bytes: Uint8Array, { mediaType, digest }: Descriptor): void {
  const fault = manifestFault(bytes, mediaType)
  if (fault !== undefined) throw new Failure("invalidArgument", `manifest ${digest} ${fault}: it is refused`)
}

function refuseUnsupported(mediaType: string, reference: Reference): void {
  if (schema1.test(mediaType)) {
    throw new Failure(
      "invalidArgument",
      `Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. Suggest the author of ${nameOf(reference)} to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2. More information at https://docs.docker.com/go/deprecated-image-specs/`,
    )
  }
}

const nameOf = ({ domain, path, tag, digest }: Reference) =>
  `${domain}/${path}${tag ? `:${tag}` : ""}${digest ? `@${digest}` : ""}`

/** The image for the platform: the manifest itself, or the best of an index. */
async function choose(
  scope: Scope,
  stores: PullStores,
  repository: Repository,
  reference: Reference,
  target: Descriptor,
  options: PullOptions,
  depth: number,
): Promise<{ readonly target: Descriptor; readonly document: { readonly config: Descriptor } }> {
  const bytes = await stores.content.readAll(scope, target.digest)
  if (isManifest(target.mediaType)) {
    if (depth === 0) options.found()
    return { target, document: configOf(bytes, target) }
  }
  if (!isIndex(target.mediaType)) {
    throw new Failure("invalidArgument", `unsupported media type ${target.mediaType || "(none)"}`)
  }
  checkDepth(target, depth)
  if (depth === 0) options.found()
  const wanted = options.platform ?? hostPlatform()
  const index = parseIndex(bytes, `image index ${target.digest}`)
  const candidates = index.manifests.flatMap((each) => {
    if (!isManifest(each.mediaType) && !isIndex(each.mediaType)) return []
    // An entry without a platform may be an index of its own.
    const distance = each.platform ? platformDistance(wanted, each.platform) : 1000
    return distance === undefined ? [] : [{ each, distance }]
  })
  candidates.sort((one, other) => one.distance - other.distance)
  for (const { each } of candidates) {
    const found = await document(scope, stores, repository, reference, each)
    if (isIndex(found.target.mediaType)) {
      const inner = await choose(scope, stores, repository, reference, found.target, options, depth + 1).catch(
        (error: unknown) => {
          if (error instanceof NoMatch) return undefined
          throw error
        },
      )
      if (inner) return inner
    } else return { target: { ...each, mediaType: found.target.mediaType }, document: configOf(found.bytes, each) }
  }
  throw new NoMatch("notFound", `no matching manifest for ${formatPlatform(wanted)} in the manifest list entries`)
}

class NoMatch extends Failure {}

function configOf(bytes: Uint8Array, target: Descriptor): { readonly config: Descriptor } {
  const document = JSON.parse(Buffer.from(bytes).toString("utf8")) as { readonly config?: Descriptor }
  const { config } = document
  if (!config?.digest) throw new Failure("invalidArgument", `manifest ${target.digest} has no configuration`)
  const kind = /^application\/vnd\.docker\.plugin/.test(config.mediaType) ? "plugin" : undefined
  if (kind) {
    throw new Failure("invalidArgument", `Encountered remote "${config.mediaType}"(${kind}) when fetching`)
  }
  return { config }
}

async function layers(
  scope: Scope,
  { fetcher, unpacker, snapshots, content, keepLayers }: PullStores,
  repository: Repository,
  image: ResolvedImage,
  progress: TellProgress,
): Promise<void> {
  const { layers } = image.content
  const present = async () => !keepLayers || (await allPresent(scope, content, layers))
  if (image.chainID && (await snapshots.find(scope, image.chainID)) && (await present())) return
  const chain = await presentUntil(scope, snapshots, image)
  // The first layer that fails ends everything at once, with what it failed of.
  const failed = new AbortController()
  const { signal: given } = scope
  const held = { ...scope, signal: given ? AbortSignal.any([given, failed.signal]) : failed.signal }
  const fetched = async (layer: Descriptor, at: number) => {
    const object = layer
    if (at < chain && (!keepLayers || (await content.has(scope, layer.digest)))) {
      progress({ object, phase: "present" })
      return
    }
    progress({ object, phase: "queued" })
    const tell = (step: TransferStep) => progress({ object, ...step })
    await fetcher.fetch(held, repository, layer, tell, layer.size < earlyFrom ? undefined : arriving[at]!.resolve)
    here.add(at)
  }
  const arriving = layers.map(() => Promise.withResolvers<GrowingBlob>())
  const here = new Set<number>()
  const downloads = layers.map(fetched)
  for (const download of downloads) download.catch((error: unknown) => failed.abort(error))
  await unpacker.unpack(held, image, {
    ready: (at) => downloads[at]!,
    arriving: (at) => arriving[at]!.promise,
    tell: (at, step) => {
      const object = layers[at]!
      const total = object.size
      if (step === "done") {
        progress({ object, phase: "unpacking", current: total, total })
        progress({ object, phase: "unpacked" })
      } else if (step === "present") {
        if (at >= chain) progress({ object, phase: "unpacked" })
      } else if (here.has(at)) progress({ object, phase: "unpacking", current: step, total })
    },
  })
  await Promise.all(downloads)
}

async function allPresent(scope: Scope, content: ContentStore, layers: readonly Descriptor[]): Promise<boolean> {
  for (const { digest } of layers) if (!(await content.has(scope, digest))) return false
  return true
}

/** How many layers, from the bottom, are unpacked already. */
async function presentUntil(scope: Scope, snapshots: Snapshotter, image: ResolvedImage): Promise<number> {
  const chain = chainIDs(image.config.rootfs.diff_ids.map(parseDiffID))
  for (let at = chain.length; at > 0; at--) if (await snapshots.find(scope, chain[at - 1]!)) return at
  return 0
}
