import { Failure } from "../../errors/failure.ts"
import { mediaTypes } from "../../oci/descriptor.ts"
import type { Digest } from "../../oci/digest.ts"
import { formatReference, parseReference } from "../../oci/reference.ts"
import type { ContentStore } from "../content/contract.ts"
import type { Scope } from "../scope.ts"
import type { ArchivedBlob, ImageArchive } from "./archive.ts"
import { isObject, isStrings, parseImageConfig, parseObject } from "./documents.ts"
import type { OfferedImage } from "./load.ts"

type Fields = Readonly<Record<string, unknown>>

const refuse = (what: string) => new Failure("invalidArgument", `invalid image archive of before Docker 1.10: ${what}`)

const isId = (text: unknown): text is string => typeof text === "string" && /^[0-9a-f]{64}$/.test(text)
/** Layers of one image beyond this are refused. */
const deepest = 1000

/** What only the old form has: an image there is a layer that names the one below it. */
const oldKeys = new Set(["id", "parent", "parent_id", "layer_id", "throwaway", "Size", "checksum"])

/**
 * The images that `docker save` wrote before 1.10: a directory for each layer, with its `json` and `layer.tar`, and `repositories`, which
 * names the topmost of each image. Each gets a configuration and a manifest, since the form has neither.
 * @throws invalidArgument when what is named is not there
 */
export async function legacyImages(
  scope: Scope,
  content: ContentStore,
  archive: ImageArchive,
  repositories: Uint8Array,
): Promise<readonly OfferedImage[]> {
  const offered: OfferedImage[] = []
  for (const [id, names] of namesById(parseObject(repositories, "repositories"))) {
    const stack = stackOf(archive, id)
    const layers = stack.map(({ layer }) => ({
      mediaType: mediaTypes.dockerLayer,
      digest: layer.digest,
      size: layer.size,
    }))
    const bytes = Buffer.from(JSON.stringify(configOf(stack)))
    parseImageConfig(bytes, `the image ${id}`)
    const config = await content.put(scope, bytes)
    const document = {
      schemaVersion: 2,
      mediaType: mediaTypes.dockerManifest,
      config: { mediaType: mediaTypes.dockerConfig, digest: config.digest, size: config.size },
      layers,
    }
    const { digest, size } = await content.put(scope, Buffer.from(JSON.stringify(document)))
    offered.push({ target: { mediaType: mediaTypes.dockerManifest, digest, size }, names })
  }
  return offered
}

/** `{"busybox": {"latest": "<id>"}}` by the images that are named. */
function namesById(repositories: Fields): ReadonlyMap<string, string[]> {
  const found = new Map<string, string[]>()
  for (const [name, tags] of Object.entries(repositories)) {
    if (!isObject(tags)) throw refuse(`repositories: ${name} has no tags`)
    for (const [tag, id] of Object.entries(tags)) {
      if (!isId(id)) throw refuse(`repositories: ${name}:${tag} is no image`)
      const names = found.get(id) ?? []
      names.push(formatReference(parseReference(`${name}:${tag}`)))
      found.set(id, names)
    }
  }
  return found
}

interface OldLayer {
  readonly fields: Fields
  readonly layer: ArchivedBlob
}

/** The layers of an image, bottom first. */
function stackOf(archive: ImageArchive, top: string): readonly OldLayer[] {
  const stack: OldLayer[] = []
  for (let id: unknown = top; id !== undefined && id !== ""; id = stack[0]!.fields["parent"]) {
    if (!isId(id) || stack.length >= deepest) throw refuse(`the layers of ${top} have no end`)
    const text = archive.document(`${id}/json`)
    const layer = archive.blob(`${id}/layer.tar`)
    if (!text || !layer) throw refuse(`the layer ${id} is not there`)
    if (layer.compression !== "none") throw refuse(`the layer ${id} is compressed`)
    stack.unshift({ fields: parseObject(text, `${id}/json`), layer })
  }
  return stack
}

/** What the topmost layer says of the image, with the layers and their history. */
function configOf(stack: readonly OldLayer[]): Fields {
  const own = Object.entries(stack.at(-1)!.fields).filter(([key]) => !oldKeys.has(key))
  return {
    ...Object.fromEntries(own),
    rootfs: { type: "layers", diff_ids: stack.map(({ layer }): Digest => layer.digest) },
    history: stack.map(({ fields }) => {
      const made = isObject(fields["container_config"]) ? fields["container_config"]["Cmd"] : undefined
      return {
        created: fields["created"],
        ...(fields["author"] ? { author: fields["author"] } : {}),
        ...(isStrings(made) && made.length > 0 ? { created_by: made.join(" ") } : {}),
        ...(fields["comment"] ? { comment: fields["comment"] } : {}),
      }
    }),
  }
}
