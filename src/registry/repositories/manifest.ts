import { type Descriptor, mediaTypes } from "../../oci/descriptor.ts"
import { type Digest, isDigest } from "../../oci/digest.ts"
import { manifestFault, parsingFault } from "../../oci/manifest-form.ts"
import { Refusal } from "../refusal.ts"

/** What a registry needs to know of a manifest. */
export interface ManifestFacts {
  /** The type it is served with. */
  readonly mediaType: string
  /** Blobs that it is made of; those that live elsewhere (`urls`, non-distributable layers) are not required. */
  readonly blobs: readonly { readonly digest: Digest; readonly required: boolean }[]
  /** Manifests that it lists. */
  readonly manifests: readonly Digest[]
  /** The manifest that it is about (OCI image spec, "Image Manifest", `subject`). */
  readonly subject?: Digest
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

const known = new Set<string>([
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerList,
  mediaTypes.dockerManifest,
])
const indexes = new Set<string>([mediaTypes.ociIndex, mediaTypes.dockerList])
const signedByDocker = /^application\/vnd\.docker\.distribution\.manifest\.v1\b/

type Fields = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/**
 * Reads a manifest that is to be stored: one of the known types, which any reader takes for the same thing.
 * @param contentType the request's, parameters are ignored
 * @throws Refusal MANIFEST_INVALID
 */
export function admitManifest(bytes: Uint8Array, contentType: string | undefined): ManifestFacts {
  const declared =
    /^[^;]*/
      .exec(contentType ?? "")?.[0]
      .trim()
      .toLowerCase() || undefined
  if (declared && signedByDocker.test(declared)) {
    throw invalid(
      "Docker's manifests of schema 1 are not taken: push with a client that writes schema 2 or OCI manifests",
    )
  }
  const burden = parsingFault(bytes)
  if (burden !== undefined) throw invalid(`the manifest ${burden}`)
  const document = parse(bytes)
  const inner = document?.["mediaType"]
  const mediaType =
    declared && declared !== "application/json" && declared !== "application/octet-stream"
      ? declared
      : typeof inner === "string"
        ? inner
        : declared
  if (!mediaType) throw invalid("the manifest has no media type: send it as Content-Type")
  if (!known.has(mediaType)) {
    throw invalid(`manifests of type ${mediaType} are not taken: use one of ${[...known].join(", ")}`)
  }
  const fault = manifestFault(bytes, mediaType)
  if (fault !== undefined || !document) throw invalid(`the manifest ${fault ?? "is not UTF-8"}`)
  if (document["schemaVersion"] !== 2) throw invalid("the manifest's schemaVersion is not 2")
  if (indexes.has(mediaType) ? !Array.isArray(document["manifests"] ?? []) : !isObject(document["config"])) {
    throw invalid(indexes.has(mediaType) ? "the index has no list of manifests" : "the manifest has no config")
  }
  return facts(document, mediaType, true)
}

/**
 * Reads a manifest that is stored, also by an earlier version that took any type: every part that looks like a reference counts, so
 * that nothing it refers to is collected.
 */
export function readManifest(bytes: Uint8Array, mediaType: string): ManifestFacts {
  return facts(parse(bytes) ?? {}, mediaType, false)
}

function facts(document: Fields, mediaType: string, strict: boolean): ManifestFacts {
  const list = (name: string) => descriptors(document[name], name, strict)
  const config = isObject(document["config"]) ? descriptors([document["config"]], "config", strict) : []
  const subject = isObject(document["subject"]) ? descriptors([document["subject"]], "subject", strict)[0] : undefined
  const blobs = [...config, ...list("layers"), ...list("blobs")]
  const artifactType =
    nonEmpty(document["artifactType"]) ?? (indexes.has(mediaType) ? undefined : nonEmpty(config[0]?.mediaType))
  const annotations = isObject(document["annotations"])
    ? Object.fromEntries(
        Object.entries(document["annotations"]).filter(
          (entry): entry is [string, string] => typeof entry[1] === "string",
        ),
      )
    : undefined
  return {
    mediaType,
    blobs: blobs.map((each) => ({ digest: each.digest, required: known.has(mediaType) && !livesElsewhere(each) })),
    manifests: list("manifests").map((each) => each.digest),
    ...(subject ? { subject: subject.digest } : {}),
    ...(artifactType ? { artifactType } : {}),
    ...(annotations ? { annotations } : {}),
  }
}

const nonEmpty = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined)

const livesElsewhere = (descriptor: Descriptor): boolean =>
  (descriptor.urls?.length ?? 0) > 0 || /\.(nondistributable|foreign)\b/.test(descriptor.mediaType)

function descriptors(value: unknown, where: string, strict: boolean): readonly Descriptor[] {
  if (value === undefined || value === null) return []
  const items = Array.isArray(value) ? value : []
  if (strict && !Array.isArray(value)) throw invalid(`the manifest's ${where} is not a list`)
  const found: Descriptor[] = []
  for (const item of items) {
    const digest = isObject(item) ? item["digest"] : undefined
    if (isObject(item) && typeof digest === "string" && isDigest(digest)) {
      const mediaType = typeof item["mediaType"] === "string" ? item["mediaType"] : ""
      const urls = Array.isArray(item["urls"]) ? (item["urls"] as string[]) : undefined
      found.push({ mediaType, digest, size: Number(item["size"] ?? 0), ...(urls ? { urls } : {}) })
    } else if (strict) throw invalid(`the manifest's ${where} has a descriptor without a usable digest`)
  }
  return found
}

function parse(bytes: Uint8Array): Fields | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

const invalid = (message: string): Refusal => new Refusal("MANIFEST_INVALID", message)
