import { createHash } from "node:crypto"
import { algorithmOf, hexOf } from "../oci/digest.ts"
import type { Repositories } from "./repositories/repositories.ts"
import type { Storage } from "./storage/contract.ts"

/** What a check found. */
export interface Checked {
  readonly repositories: number
  readonly blobs: number
  readonly manifests: number
  readonly tags: number
  /** One sentence for each thing that is not as it should be. */
  readonly problems: readonly string[]
}

/**
 * Reads everything: each blob has its digest, each manifest its parts, each tag its manifest.
 * @param isCache whether a repository need not have every part
 */
export async function checkStorage(
  storage: Storage,
  repositories: Repositories,
  isCache: (repository: string) => boolean,
): Promise<Checked> {
  const problems: string[] = []
  const count = { repositories: 0, blobs: 0, manifests: 0, tags: 0 }
  for (const repository of await repositories.catalog.list()) {
    count.repositories++
    for await (const { digest } of storage.blobs.list(repository)) {
      count.blobs++
      const hash = createHash(algorithmOf(digest))
      await using reader = await storage.blobs.open(repository, digest)
      if (reader) for await (const part of reader.stream(0, reader.size)) hash.update(part)
      if (hash.digest("hex") !== hexOf(digest)) problems.push(`${repository}: the bytes of ${digest} are not its own`)
    }
    for await (const record of repositories.manifests(repository)) {
      count.manifests++
      const facts = await repositories.facts(repository, record)
      if (!facts) problems.push(`${repository}: manifest ${record.digest} has no bytes`)
      for (const { digest, required } of facts?.blobs ?? []) {
        if (required && !isCache(repository) && !(await storage.blobs.stat(repository, digest))) {
          problems.push(`${repository}: manifest ${record.digest} refers to ${digest}, which is not there`)
        }
      }
    }
    for await (const { tag, digest } of repositories.tagRecords(repository)) {
      count.tags++
      if (!(await repositories.manifest(repository, digest))) {
        problems.push(`${repository}: tag ${tag} names ${digest}, which is not there`)
      }
    }
  }
  return { ...count, problems }
}
