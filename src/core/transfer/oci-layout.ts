import { Failure, isKind } from "../../errors/failure.ts"
import { type Descriptor, isIndex, isManifest } from "../../oci/descriptor.ts"
import type { Digest } from "../../oci/digest.ts"
import { walkImage } from "../../oci/graph.ts"
import { formatReference, parseReference, withDefaultTag } from "../../oci/reference.ts"
import type { ContentStore } from "../content/contract.ts"
import type { Scope } from "../scope.ts"
import { parseIndex, parseManifest } from "./documents.ts"
import type { OfferedImage } from "./load.ts"
import { imagesOf, readImage } from "./resolve.ts"

/** The annotations that name an image: containerd's full reference, and the layout's own (often only a tag). */
export const nameAnnotation = "io.containerd.image.name"
export const refAnnotation = "org.opencontainers.image.ref.name"

const refuse = (what: string) => new Failure("invalidArgument", `invalid OCI layout: ${what}`)

/**
 * The images of an OCI layout (OCI image spec, "Image Layout"). Platforms that an index lists may be left out, but not
 * all of them.
 * @param tags names by configuration, for layouts that do not name their images themselves
 * @throws invalidArgument when content is missing or not as it is described
 */
export async function layoutImages(
  scope: Scope,
  content: ContentStore,
  index: Uint8Array,
  tags: ReadonlyMap<Digest, readonly string[]>,
): Promise<readonly OfferedImage[]> {
  const { manifests } = parseIndex(index, "index.json")
  const byDigest = new Map<Digest, { target: Descriptor; names: Set<string> }>()
  for (const each of manifests) {
    if (!isManifest(each.mediaType) && !isIndex(each.mediaType)) {
      throw refuse(`${each.digest} is of type ${each.mediaType}, not an image`)
    }
    if (each.platform?.os === "unknown") continue
    if (!(await isComplete(scope, content, each))) {
      throw refuse(`the content of ${each.digest} is not in the archive`)
    }
    const { mediaType, digest, size } = each
    const known = byDigest.get(digest) ?? { target: { mediaType, digest, size }, names: new Set() }
    byDigest.set(digest, known)
    const name = nameOf(each)
    if (name) known.names.add(name)
  }
  const offered: OfferedImage[] = []
  for (const { target, names } of byDigest.values()) {
    if (names.size === 0) {
      for (const image of await imagesOf(scope, content, target)) {
        const resolved = await readImage(scope, content, image).catch(ignoreMissing)
        for (const name of (resolved && tags.get(resolved.id)) ?? []) names.add(name)
      }
    }
    offered.push({ target, names: [...names] })
  }
  return offered
}

function ignoreMissing(error: unknown): undefined {
  if (!isKind(error, "notFound")) throw error
}

/** Whether all of `target`, or of one image that it lists, is in the store. @throws invalidArgument for a wrong size */
async function isComplete(scope: Scope, content: ContentStore, target: Descriptor): Promise<boolean> {
  const listed = async (document: Descriptor) => {
    if (!isIndex(document.mediaType) || !(await isPresent(scope, content, document))) return []
    const { manifests } = parseIndex(await content.readAll(scope, document.digest), document.digest)
    return manifests.filter((each) => each.platform?.os !== "unknown")
  }
  let complete = false
  for await (const each of walkImage(target, listed)) {
    if (!isManifest(each.mediaType) || !(await isPresent(scope, content, each))) continue
    const { config, layers } = parseManifest(await content.readAll(scope, each.digest), each.digest)
    const parts = await Promise.all([config, ...layers].map((part) => isPresent(scope, content, part)))
    if (parts.every(Boolean)) complete = true
  }
  return complete
}

async function isPresent(scope: Scope, content: ContentStore, { digest, size }: Descriptor): Promise<boolean> {
  if (!(await content.has(scope, digest))) return false
  const info = await content.info(scope, digest)
  if (info.size !== size) throw refuse(`${digest} has ${info.size} bytes, but is described with ${size}`)
  return true
}

/** A full reference, when the annotations have one; a tag alone names nothing. */
function nameOf({ annotations }: Descriptor): string | undefined {
  const full = annotations?.[nameAnnotation]
  const ref = annotations?.[refAnnotation]
  const text = full ?? (ref && /[/:]/.test(ref) ? ref : undefined)
  return text === undefined ? undefined : formatReference(withDefaultTag(parseReference(text)))
}
