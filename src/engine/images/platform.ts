import type { Scope } from "../../core/scope.ts"
import type { ResolvedImage } from "../../core/transfer/contract.ts"
import { Failure, isKind } from "../../errors/failure.ts"
import type { Descriptor } from "../../oci/descriptor.ts"
import { formatPlatform, type Platform } from "../../oci/platform.ts"
import type { ImageContext } from "./context.ts"

/** The image of `target` for `platform`. @throws notFound in Docker's words when it is for others */
export async function resolveFor(
  { transfer, catalog }: Pick<ImageContext, "transfer" | "catalog">,
  scope: Scope,
  target: Descriptor,
  ref: string,
  platform: Platform,
): Promise<ResolvedImage> {
  try {
    return await transfer.resolve(scope, target, platform)
  } catch (error) {
    if (!isKind(error, "notFound")) throw error
    const other = await catalog.resolved(scope, target)
    const found = other ? `its platform (${formatPlatform(other.config)}) does not match` : "does not provide"
    throw new Failure(
      "notFound",
      `image with reference ${ref} was found but ${found} the specified platform (${formatPlatform(platform)})`,
      error,
    )
  }
}
