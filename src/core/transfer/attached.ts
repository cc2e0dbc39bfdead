import type { Digest } from "../../oci/digest.ts"

/** What cosign calls what belongs to a manifest, in registries that do not list referrers. */
const kinds = ["sig", "att", "sbom"]

/** The tags under which signatures, attestations and SBOMs of a manifest may lie. */
export const attachedTags = (digest: Digest): readonly string[] =>
  kinds.map((kind) => `${digest.replace(":", "-")}.${kind}`)
