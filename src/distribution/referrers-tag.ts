import { type Descriptor, mediaTypes } from "../oci/descriptor.ts"
import { type Digest, digestOf, isDigest } from "../oci/digest.ts"

/** The tag under which registries without a list of referrers keep it (OCI distribution spec, "Referrers Tag Schema"). */
export function referrersTag(subject: Digest): string {
  const [algorithm = "", encoded = ""] = subject.split(":")
  return `${algorithm.slice(0, 32)}-${encoded.slice(0, 64)}`
}

/** What a manifest refers to, with the descriptor under which it is listed there; undefined when it refers to nothing that has a digest. */
export function referrerOf(
  mediaType: string,
  bytes: Uint8Array,
): { readonly subject: Digest; readonly descriptor: Descriptor } | undefined {
  const { subject, artifactType, config, annotations } = JSON.parse(Buffer.from(bytes).toString("utf8")) as {
    readonly subject?: Descriptor
    readonly artifactType?: string
    readonly config?: Descriptor
    readonly annotations?: Readonly<Record<string, string>>
  }
  if (typeof subject?.digest !== "string" || !isDigest(subject.digest)) return undefined
  const type = artifactType || config?.mediaType
  return {
    subject: subject.digest,
    descriptor: {
      mediaType,
      digest: digestOf(bytes),
      size: bytes.length,
      ...(type ? { artifactType: type } : {}),
      ...(annotations ? { annotations } : {}),
    },
  }
}

/** The list of referrers with one more. @returns undefined when it is listed already */
export function withReferrer(listed: readonly Descriptor[], descriptor: Descriptor): Buffer | undefined {
  if (listed.some(({ digest }) => digest === descriptor.digest)) return undefined
  const manifests = [...listed, descriptor]
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }))
}
