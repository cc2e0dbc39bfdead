import type { Image } from "../../core/images/contract.ts"
import { Failure } from "../../errors/failure.ts"
import { isDigest } from "../../oci/digest.ts"
import { parseReference, type Reference, withDefaultTag } from "../../oci/reference.ts"

/** The reference that a stored name is; undefined for an image without one (it is stored under its digest). */
export function referenceOf(image: Pick<Image, "name">): Reference | undefined {
  return isDigest(image.name) ? undefined : tryReference(image.name)
}

/** @returns undefined when `text` is no reference */
export function tryReference(text: string): Reference | undefined {
  try {
    return parseReference(text)
  } catch {
    return undefined
  }
}

export const sameRepository = (a: Reference, b: Reference): boolean => a.domain === b.domain && a.path === b.path

/**
 * The name that an image is to get: `repository` with `tag`, or `latest`.
 * @throws invalidArgument in Docker's words
 */
export function newName(repository: string, tag: string | undefined): Reference {
  const reference = parseReference(repository)
  if (reference.digest) throw new Failure("invalidArgument", "refusing to create a tag with a digest reference")
  if (tag && !/^\w[\w.-]{0,127}$/.test(tag)) throw new Failure("invalidArgument", "invalid tag format")
  const named = withDefaultTag(tag ? { ...reference, tag } : reference)
  if (named.domain === "docker.io" && named.path === "library/sha256") {
    throw new Failure("invalidArgument", "refusing to create an ambiguous tag using digest algorithm as name")
  }
  if (named.domain === "docker.io" && named.path === "library/scratch") {
    throw new Failure("permissionDenied", "'scratch' is a reserved name")
  }
  return named
}
