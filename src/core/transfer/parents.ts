import { type Digest, isDigest } from "../../oci/digest.ts"
import type { ContentStore } from "../content/contract.ts"
import type { Scope } from "../scope.ts"

/** Label of a configuration blob: the ID of the image that it was committed from. */
const label = "barge.image.parent"

/** The image that the image `id` was committed from. */
export async function parentOf(scope: Scope, content: ContentStore, id: Digest): Promise<Digest | undefined> {
  const parent = (await content.info(scope, id)).labels[label]
  return parent !== undefined && isDigest(parent) ? parent : undefined
}

export async function setParent(scope: Scope, content: ContentStore, id: Digest, parent: Digest): Promise<void> {
  await content.label(scope, id, { [label]: parent })
}
