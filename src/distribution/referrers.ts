import { type Descriptor, mediaTypes } from "../oci/descriptor.ts"
import { type Digest, isDigest } from "../oci/digest.ts"
import { referrerOf, referrersTag, withReferrer } from "./referrers-tag.ts"
import { RegistryError } from "./registry-error.ts"
import { parseList, type RepositoryRequests } from "./repository-requests.ts"

/**
 * What refers to `subject` (OCI distribution spec, "Listing Referrers"), by the tag scheme where the registry has no API for it.
 * @throws RegistryError
 */
export async function listReferrers(repository: RepositoryRequests, subject: Digest): Promise<readonly Descriptor[]> {
  const found: Descriptor[] = []
  try {
    const path = `/${repository.name}/referrers/${subject}`
    for await (const page of repository.pages(path, { Accept: mediaTypes.ociIndex })) found.push(...referrersIn(page))
    return found
  } catch (error) {
    if (!(error instanceof RegistryError) || ![400, 404, 405].includes(error.status)) throw error
  }
  return await listTagged(repository, subject)
}

/** Adds a manifest that refers to another to the list under the other's tag, for a registry that keeps no list of its own. */
export async function addReferrer(repository: RepositoryRequests, mediaType: string, bytes: Uint8Array): Promise<void> {
  const referrer = referrerOf(mediaType, bytes)
  if (!referrer) return
  const { subject, descriptor } = referrer
  const list = withReferrer(await listTagged(repository, subject), descriptor)
  if (list) await repository.putManifest(referrersTag(subject), mediaTypes.ociIndex, list)
}

/** The referrers under the tag that stands in for the registry's own list; none when there is no such tag. */
async function listTagged(repository: RepositoryRequests, subject: Digest): Promise<readonly Descriptor[]> {
  try {
    const { bytes } = await repository.manifest(referrersTag(subject))
    return referrersIn(Buffer.from(bytes).toString("utf8"))
  } catch (error) {
    if (error instanceof RegistryError && error.status === 404) return []
    throw error
  }
}

function referrersIn(text: string): readonly Descriptor[] {
  const { manifests } = parseList(text, "list of referrers") as { manifests?: unknown }
  return Array.isArray(manifests) ? manifests.filter((each) => isDigest(String(each?.digest))) : []
}
