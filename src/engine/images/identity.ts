import type { ImageIdentity } from "../../api/image.ts"
import type { Scope } from "../../core/scope.ts"
import { placesOf } from "../../core/transfer/sources.ts"
import { isKind } from "../../errors/failure.ts"
import type { Digest } from "../../oci/digest.ts"
import type { ImageContext } from "./context.ts"

/** Where an image comes from, by what pulls and pushes noted on its manifest or index. @returns undefined when nothing is known */
export async function identityOf(
  { content }: Pick<ImageContext, "content">,
  scope: Scope,
  digest: Digest,
): Promise<ImageIdentity | undefined> {
  try {
    const places = placesOf(await content.info(scope, digest))
    const names = places.map(({ domain, path }) => `${domain}/${path}`).sort()
    return names.length > 0 ? { Pull: names.map((Repository) => ({ Repository })) } : undefined
  } catch (error) {
    if (isKind(error, "notFound")) return undefined
    throw error
  }
}
