import type { AuthConfig, ReferrerSummary } from "../../api/image.ts"
import type { Scope } from "../../core/scope.ts"
import { attachedTags } from "../../core/transfer/attached.ts"
import { parseIndex } from "../../core/transfer/documents.ts"
import type { Registries } from "../../distribution/registries.ts"
import { isUnknown } from "../../distribution/repository.ts"
import { Failure } from "../../errors/failure.ts"
import { isIndex } from "../../oci/descriptor.ts"
import { formatReference, parseReference, withDefaultTag } from "../../oci/reference.ts"
import { credentialsOf } from "../images/credentials.ts"

/**
 * What refers to an image in its registry, or to one of its platforms: by the registry's list, and by the tags of cosign.
 * @throws notFound when there is no such image
 */
export async function listReferrers(
  registries: Registries,
  scope: Scope,
  ref: string,
  auth: AuthConfig | undefined,
): Promise<readonly ReferrerSummary[]> {
  const reference = withDefaultTag(parseReference(ref))
  const repository = await registries.repository(reference, credentialsOf(auth))
  const { signal } = scope
  const { descriptor, bytes } = await repository
    .manifest(reference.digest ?? reference.tag!, signal)
    .catch((error: unknown) => {
      if (!isUnknown(error)) throw error
      throw new Failure("notFound", `no such manifest: ${formatReference(reference)}`, error)
    })
  const platforms = isIndex(descriptor.mediaType) ? parseIndex(bytes).manifests.map(({ digest }) => digest) : []
  const found: ReferrerSummary[] = []
  for (const subject of [descriptor.digest, ...platforms]) {
    for (const each of await repository.referrers(subject, signal)) found.push({ Subject: subject, Descriptor: each })
    for (const tag of attachedTags(subject)) {
      try {
        found.push({ Subject: subject, Tag: tag, Descriptor: await repository.resolve(tag, signal) })
      } catch (error) {
        if (!isUnknown(error)) throw error
      }
    }
  }
  return found
}
