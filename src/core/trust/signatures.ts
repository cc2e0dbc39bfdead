import { readBytes } from "../../distribution/read-bytes.ts"
import { Failure, isKind, type Kind, messageOf } from "../../errors/failure.ts"
import type { Descriptor } from "../../oci/descriptor.ts"
import { type Digest, digestOf } from "../../oci/digest.ts"
import type { SignatureSource } from "./contract.ts"

/** What a signature says, to be believed only when it is by a key that is trusted. */
export interface Statement {
  readonly digest: string
  /** The name that was signed for; bundles have none. */
  readonly name?: string
}

/** A signature that lies beside an image. */
export interface FoundSignature {
  /** Where it was found. */
  readonly where: string
  /** The bytes that were signed. */
  readonly payload: Uint8Array
  readonly signature: Uint8Array
  /** @throws Failure when the payload is no statement about an image */
  statement(): Statement
}

const simpleSigning = "application/vnd.dev.cosign.simplesigning.v1+json"
const signatureArtifact = "application/vnd.dev.cosign.artifact.sig.v1+json"
const signatureAnnotation = "dev.cosignproject.cosign/signature"
const bundleType = /^application\/vnd\.dev\.sigstore\.bundle[.+]/
const signaturePredicate = "https://sigstore.dev/cosign/sign/v1"

/** Signatures of one image beyond this are not looked at. */
const most = 64
/** Bytes of a payload or bundle. */
const largest = 1 << 20

/**
 * The signatures of `digest` in cosign's forms: by the tag `sha256-….sig`, by referrers, as bundles of sigstore. What is there but cannot
 * be read is told as a text.
 */
export async function* findSignatures(
  repository: SignatureSource,
  digest: Digest,
  signal?: AbortSignal,
): AsyncGenerator<FoundSignature | string> {
  let left = most
  for await (const place of places(repository, digest, signal)) {
    const layers = await orFault(place.where, async () => layersOf(await place.manifest()))
    if (typeof layers === "string") {
      yield layers
      continue
    }
    for (const layer of layers) {
      const simple = layer.mediaType === simpleSigning
      if (!simple && !bundleType.test(layer.mediaType)) continue
      if (left-- === 0) return yield `more than ${most} signatures: the others were not looked at`
      yield await orFault(place.where, async () => {
        const bytes = await blob(repository, layer, signal)
        return simple ? simpleSignature(layer, bytes, place.where) : await bundledSignature(bytes, place.where)
      })
    }
  }
}

/** Manifests whose layers are signatures. */
async function* places(repository: SignatureSource, digest: Digest, signal: AbortSignal | undefined) {
  const tag = `${digest.replace(":", "-")}.sig`
  try {
    const { bytes } = await repository.manifest(tag, signal)
    yield { where: `the tag ${tag}`, manifest: async () => bytes }
  } catch (error) {
    if (!isKind(error, "notFound")) throw error
  }
  for (const { digest: at, artifactType = "" } of await repository.referrers(digest, signal)) {
    if (artifactType !== signatureArtifact && !bundleType.test(artifactType)) continue
    yield { where: `the referrer ${at}`, manifest: async () => (await repository.manifest(at, signal)).bytes }
  }
}

/** What `read` returns, or a text about what is wrong with what is there. @throws when the registry cannot be asked */
async function orFault<T>(where: string, read: () => Promise<T>): Promise<T | string> {
  try {
    return await read()
  } catch (error) {
    const about = ["notFound", "invalidArgument", "dataLoss", "tooLarge"].some((kind) => isKind(error, kind as Kind))
    if (error instanceof Failure && !about) throw error
    return `${where}: ${messageOf(error)}`
  }
}

function layersOf(bytes: Uint8Array): readonly Descriptor[] {
  const { layers } = json(bytes, "a manifest of signatures") as { readonly layers?: unknown }
  return Array.isArray(layers) ? layers.filter((layer) => typeof layer?.mediaType === "string") : []
}

async function blob(
  repository: SignatureSource,
  { digest }: Pick<Descriptor, "digest">,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const source = await repository.blob(digest, signal ? { signal } : {})
  try {
    const bytes = await readBytes(source.body, largest, `the signature ${digest}`)
    if (!digest.startsWith("sha256:") || digestOf(bytes) === digest) return bytes
    throw new Failure("dataLoss", `the registry sent ${digestOf(bytes)} for the signature ${digest}`)
  } catch (error) {
    if (!source.reject(error)) throw error
    return await blob(repository, { digest }, signal)
  }
}

/** cosign's form of simple signing: the layer is what was signed, its annotation the signature. */
function simpleSignature(layer: Descriptor, payload: Uint8Array, where: string): FoundSignature | string {
  const text = layer.annotations?.[signatureAnnotation]
  if (!text) return `${where}: the layer ${layer.digest} has no annotation ${signatureAnnotation}`
  return {
    where,
    payload,
    signature: Buffer.from(text, "base64"),
    statement: () => {
      const { critical } = json(payload, "the signed text") as {
        readonly critical?: {
          readonly type?: unknown
          readonly image?: { readonly "docker-manifest-digest"?: unknown }
          readonly identity?: { readonly "docker-reference"?: unknown }
        }
      }
      const digest = critical?.image?.["docker-manifest-digest"]
      const name = critical?.identity?.["docker-reference"]
      if (critical?.type !== "cosign container image signature" || typeof digest !== "string") {
        throw new Failure("invalidArgument", "what was signed is not a statement about an image")
      }
      return { digest, ...(typeof name === "string" && name ? { name } : {}) }
    },
  }
}

/** A bundle of sigstore (protobuf-specs, `Bundle`) whose DSSE envelope has an in-toto statement, as cosign 3 makes it. */
async function bundledSignature(bytes: Uint8Array, where: string): Promise<FoundSignature | string> {
  const [{ bundleFromJSON, isBundleWithDsseEnvelope }, { dsse }] = await Promise.all([
    import("@sigstore/bundle"),
    import("@sigstore/core"),
  ])
  const bundle = bundleFromJSON(json(bytes, "a sigstore bundle"))
  if (!isBundleWithDsseEnvelope(bundle)) return `${where}: the bundle has no DSSE envelope`
  const { payload, payloadType, signatures } = bundle.content.dsseEnvelope
  const [only] = signatures
  if (!only || signatures.length > 1) return `${where}: the bundle has ${signatures.length} signatures, not one`
  return {
    where,
    payload: dsse.preAuthEncoding(payloadType, payload),
    signature: only.sig,
    statement: () => {
      const { predicateType, subject } = json(payload, "the signed statement") as {
        readonly predicateType?: unknown
        readonly subject?: readonly { readonly digest?: { readonly sha256?: unknown } }[]
      }
      if (predicateType !== signaturePredicate) {
        throw new Failure("invalidArgument", `what was signed is of the type ${String(predicateType)}, not a signature`)
      }
      return { digest: `sha256:${String(subject?.[0]?.digest?.sha256)}` }
    },
  }
}

function json(bytes: Uint8Array, what: string): object {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"))
    if (typeof value === "object" && value !== null) return value
  } catch {
    // Told below.
  }
  throw new Failure("invalidArgument", `${what} is not JSON`)
}
