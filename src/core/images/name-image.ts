import type { Descriptor } from "../../oci/descriptor.ts"
import type { Scope } from "../scope.ts"
import type { Image, ImageStore } from "./contract.ts"

/**
 * Gives `target` a name, as Docker does: an image that loses its last name by it stays, without one, and an image that
 * had none no longer counts as such.
 * @param name a full reference; absent for an image that is to be kept without a name
 * @returns what the name pointed to before, when that was something else
 */
export async function nameImage(
  scope: Scope,
  images: ImageStore,
  name: string | undefined,
  target: Descriptor,
): Promise<Image | undefined> {
  const named = (await images.pointingTo(scope, target.digest)).filter((image) => image.name !== name)
  if (name === undefined) {
    if (named.length === 0) await images.set(scope, target.digest, target)
    return undefined
  }
  // A name that stays what it is was not given anew.
  const before = await images.find(scope, name)
  const unchanged = before?.target.digest === target.digest && before.target.mediaType === target.mediaType
  const { previous } = unchanged ? { previous: before } : await images.set(scope, name, target)
  for (const image of named) if (image.name === target.digest) await images.remove(scope, image.name)
  if (!previous || previous.target.digest === target.digest) return undefined
  // The name points elsewhere by now: what is left are the other names of its old image.
  if ((await images.pointingTo(scope, previous.target.digest)).length === 0) {
    await images.set(scope, previous.target.digest, previous.target)
  }
  return previous
}
