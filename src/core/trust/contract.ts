import type { Repository } from "../../distribution/repository.ts"
import type { Digest } from "../../oci/digest.ts"
import type { Reference } from "../../oci/reference.ts"
import type { Scope } from "../scope.ts"

/** Where signatures of an image are looked for. */
export type SignatureSource = Pick<Repository, "manifest" | "blob" | "referrers">

/** Decides what may be pulled. */
export interface ImageTrust {
  /**
   * Why the manifest or index `digest` may not be used as what `reference` names.
   * @returns undefined when it may; else which rule, signature and key it is about
   * @throws what the registry says when it cannot be asked for signatures
   */
  objection(
    scope: Scope,
    reference: Reference,
    digest: Digest,
    repository: SignatureSource,
  ): Promise<string | undefined>
}
