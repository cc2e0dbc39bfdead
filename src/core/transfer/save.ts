import { Failure, isKind } from "../../errors/failure.ts"
import { type Descriptor, isIndex, mediaTypes } from "../../oci/descriptor.ts"
import { algorithmOf, type Digest, hexOf } from "../../oci/digest.ts"
import { walkImage } from "../../oci/graph.ts"
import type { Platform } from "../../oci/platform.ts"
import { familiar, familiarName, parseReference } from "../../oci/reference.ts"
import { parseNanos } from "../../std/clock.ts"
import type { TarEntry } from "../../std/tar/entry.ts"
import { encodeHeader, endOfArchive, paddingBytes } from "../../std/tar/writer.ts"
import type { ContentStore } from "../content/contract.ts"
import type { Scope } from "../scope.ts"
import type { ResolvedImage } from "./contract.ts"
import { parseIndex } from "./documents.ts"
import { nameAnnotation, refAnnotation } from "./oci-layout.ts"
import { parentOf } from "./parents.ts"
import { imagesOf, readImage, resolveImage } from "./resolve.ts"

/**
 * Docker's archive and an OCI layout in one tar, as Docker 25 and later write it: the same images give the same bytes.
 * @throws notFound when content is missing, before the first byte
 */
export async function* saveArchive(
  scope: Scope,
  content: ContentStore,
  images: readonly { readonly target: Descriptor; readonly names: readonly string[] }[],
  options: { readonly platforms?: readonly Platform[] },
): AsyncGenerator<Uint8Array> {
  const blobs = new Map<Digest, number>()
  const times = new Map<Digest, bigint>()
  const index: Descriptor[] = []
  const docker = new Map<Digest, { image: ResolvedImage; tags: Set<string> }>()
  for (const { target, names } of images) {
    const { root, image, needed } = await select(scope, content, target, options.platforms ?? [])
    for (const { digest, size } of needed) blobs.set(digest, size)
    const created = parseNanos(image.config.created ?? "") ?? 0n
    for (const { digest } of [image.configDescriptor, ...image.content.layers]) {
      if (!times.has(digest)) times.set(digest, created)
    }
    for (const name of names.length ? names : [undefined]) index.push(named(root, name))
    const known = docker.get(image.id) ?? { image, tags: new Set() }
    for (const name of names) known.tags.add(familiar(parseReference(name)))
    docker.set(image.id, known)
  }
  for (const digest of blobs.keys()) await assertPresent(scope, content, digest)

  yield directory("blobs/")
  for (const algorithm of [...new Set([...blobs.keys()].map(algorithmOf))].sort()) {
    yield directory(`blobs/${algorithm}/`)
    for (const [digest, size] of [...blobs].sort(([one], [other]) => (one < other ? -1 : 1))) {
      if (algorithmOf(digest) !== algorithm) continue
      yield header({ name: pathOf(digest), size, mtime: times.get(digest) ?? 0n })
      await using blob = await content.open(scope, digest)
      yield* blob.stream()
      yield paddingBytes(size)
    }
  }
  yield* document("index.json", { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: index })
  const list = []
  for (const { image, tags } of docker.values()) {
    const parent = await parentOf(scope, content, image.id)
    list.push({
      Config: pathOf(image.id),
      RepoTags: tags.size ? [...tags] : null,
      Layers: image.content.layers.map(({ digest }) => pathOf(digest)),
      ...(parent && docker.has(parent) ? { Parent: parent } : {}),
    })
  }
  yield* document("manifest.json", list)
  yield* document("oci-layout", { imageLayoutVersion: "1.0.0" })
  const repositories = repositoriesOf([...docker.values()])
  if (repositories) yield* document("repositories", repositories)
  yield endOfArchive
}

/** The names by repository, for readers of Docker's first archives: a tag leads to the image's topmost layer. */
function repositoriesOf(
  images: readonly { readonly image: ResolvedImage; readonly tags: ReadonlySet<string> }[],
): Readonly<Record<string, Readonly<Record<string, string>>>> | undefined {
  const found: Record<string, Record<string, string>> = {}
  for (const { image, tags } of images) {
    const top = image.content.layers.at(-1)
    if (!top) continue
    for (const name of tags) {
      const reference = parseReference(name)
      const repository = familiarName(reference)
      if (reference.tag) found[repository] = { ...found[repository], [reference.tag]: hexOf(top.digest) }
    }
  }
  return Object.keys(found).length > 0 ? found : undefined
}

/**
 * What of `target` to save: an index whole when all of it is here and no platform is asked for, an index with the images of several platforms,
 * otherwise the one image. `image` is the one that readers of Docker's form get.
 */
async function select(
  scope: Scope,
  content: ContentStore,
  target: Descriptor,
  platforms: readonly Platform[],
): Promise<{ readonly root: Descriptor; readonly image: ResolvedImage; readonly needed: readonly Descriptor[] }> {
  const [platform] = platforms
  if (platforms.length > 1) {
    const images = await Promise.all(platforms.map((each) => resolveImage(scope, content, target, each)))
    return {
      root: bare(target),
      image: images[0]!,
      needed: [...(await indexesOf(scope, content, target)), ...images.flatMap(partsOf)],
    }
  }
  const whole = platform ? undefined : await closure(scope, content, target)
  const image = await resolveImage(scope, content, target, platform).catch(async (error: unknown) => {
    if (!whole || !isKind(error, "notFound")) throw error
    return await readImage(scope, content, (await imagesOf(scope, content, target))[0]!)
  })
  if (whole) return { root: bare(target), image, needed: whole }
  return { root: bare(image.manifest), image, needed: partsOf(image) }
}

/** Everything that `target` leads to; undefined when some of it is not in the store. */
async function closure(
  scope: Scope,
  content: ContentStore,
  target: Descriptor,
): Promise<readonly Descriptor[] | undefined> {
  const listed = async ({ mediaType, digest }: Descriptor) =>
    isIndex(mediaType) && (await content.has(scope, digest))
      ? parseIndex(await content.readAll(scope, digest)).manifests
      : []
  const found: Descriptor[] = []
  for await (const document of walkImage(target, listed)) {
    if (!(await content.has(scope, document.digest))) return undefined
    const parts = isIndex(document.mediaType) ? [document] : partsOf(await readImage(scope, content, document))
    for (const { digest } of parts) if (!(await content.has(scope, digest))) return undefined
    found.push(...parts)
  }
  return found
}

/** `target` and the indexes below it that are here, when it is an index. */
async function indexesOf(scope: Scope, content: ContentStore, target: Descriptor): Promise<readonly Descriptor[]> {
  if (!isIndex(target.mediaType) || !(await content.has(scope, target.digest))) return []
  const { manifests } = parseIndex(await content.readAll(scope, target.digest))
  const below = await Promise.all(manifests.map((each) => indexesOf(scope, content, each)))
  return [target, ...below.flat()]
}

const partsOf = (image: ResolvedImage): readonly Descriptor[] => [
  image.manifest,
  image.configDescriptor,
  ...image.content.layers,
]

async function assertPresent(scope: Scope, content: ContentStore, digest: Digest): Promise<void> {
  if (await content.has(scope, digest)) return
  throw new Failure("notFound", `content ${digest} of the image is not in the store; pull or load the image again`)
}

const bare = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size })

function named(target: Descriptor, name: string | undefined): Descriptor {
  if (name === undefined) return target
  const { tag } = parseReference(name)
  return { ...target, annotations: { [nameAnnotation]: name, ...(tag ? { [refAnnotation]: tag } : {}) } }
}

const pathOf = (digest: Digest): string => `blobs/${algorithmOf(digest)}/${hexOf(digest)}`

const header = (entry: {
  readonly name: string
  readonly size: number
  readonly type?: TarEntry["type"]
  readonly mtime?: bigint
}): Buffer =>
  encodeHeader({
    type: "file",
    mode: entry.type === "directory" ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    mtime: 0n,
    ...entry,
    name: Buffer.from(entry.name),
  })

const directory = (name: string): Buffer => header({ name, size: 0, type: "directory" })

function* document(name: string, value: unknown): Generator<Uint8Array> {
  const bytes = Buffer.from(JSON.stringify(value))
  yield header({ name, size: bytes.length })
  yield bytes
  yield paddingBytes(bytes.length)
}
