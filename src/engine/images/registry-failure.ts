import { RegistryError } from "../../distribution/registry-error.ts"
import { Failure } from "../../errors/failure.ts"
import { familiar, familiarName, type Reference } from "../../oci/reference.ts"

/** What a pull failed of, in the words that clients know from Docker. */
export function pullFailure(error: unknown, reference: Reference): unknown {
  if (!(error instanceof RegistryError)) return error
  const name = familiarName(reference)
  // Docker Hub does not tell what is missing from what is private.
  const denied = error.code === "DENIED" || (error.code === "NAME_UNKNOWN" && reference.domain === "docker.io")
  if (denied) {
    return new Failure(
      "notFound",
      `pull access denied for ${name}, repository does not exist or may require 'docker login': ${error.message}`,
      error,
    )
  }
  switch (error.code) {
    case "NAME_UNKNOWN":
      return new Failure("notFound", `repository ${name} not found: ${error.message}`, error)
    case "MANIFEST_UNKNOWN":
      return new Failure("notFound", `manifest for ${familiar(reference)} not found: ${error.message}`, error)
    case "NOT_FOUND":
      return new Failure(
        "notFound",
        `manifest for ${familiar(reference)} not found: manifest unknown: manifest unknown`,
        error,
      )
    default:
      return error
  }
}
