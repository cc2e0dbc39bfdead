import type { Digest } from "../../oci/digest.ts"
import { immutableTags, isImmutable } from "../policy.ts"
import { Refusal } from "../refusal.ts"
import type { Repositories } from "./repositories.ts"

/**
 * What the immutable tags of a repository lead to: their manifests, through indexes, and the blobs of those, each with a tag that
 * needs it. To be asked under the repository's lock.
 */
export async function fixedContent(
  repositories: Repositories,
  repository: string,
): Promise<ReadonlyMap<Digest, string>> {
  const fixed = new Map<Digest, string>()
  const { policy } = repositories
  if (!immutableTags(policy, repository)) return fixed
  for await (const { tag, digest: root } of repositories.tagRecords(repository)) {
    if (!isImmutable(policy, repository, tag)) continue
    const waiting = [root]
    for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
      if (fixed.has(digest)) continue
      fixed.set(digest, tag)
      const record = await repositories.manifest(repository, digest)
      const facts = record && (await repositories.facts(repository, record))
      for (const blob of facts?.blobs ?? []) if (!fixed.has(blob.digest)) fixed.set(blob.digest, tag)
      waiting.push(...(facts?.manifests ?? []))
    }
  }
  return fixed
}

/** The refusal to change what an immutable tag is. */
export const immutable = (repository: string, tag: string): Refusal =>
  new Refusal("DENIED", `tag ${tag} of ${repository} is immutable: push another tag`, {
    status: 409,
    detail: { name: repository, tag },
  })

/** The refusal to delete a part of what an immutable tag is. */
export const needed = (repository: string, tag: string, digest: Digest): Refusal =>
  new Refusal("DENIED", `${digest} is part of the immutable tag ${tag} of ${repository}: it stays as long as the tag`, {
    status: 409,
    detail: { name: repository, tag, digest },
  })
