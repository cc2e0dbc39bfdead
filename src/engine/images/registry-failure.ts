import { RegistryError } from "../../distribution/registry-error.ts"
import { Failure, isKind, messageOf } from "../../errors/failure.ts"
import { familiar, familiarName, type Reference } from "../../oci/reference.ts"

/** What a push failed of, in Docker's words: that nobody has logged in is told without the address that was asked first. */
export function pushFailure(error: unknown): unknown {
  const missing = "no basic auth credentials"
  if (!isKind(error, "unauthenticated") || !messageOf(error).endsWith(`: ${missing}`)) return error
  return new Failure("unauthenticated", missing, error)
}

/**
 * What a pull failed of, in the words and with the statuses that clients know from Docker: a 401 would make them ask their user to log
 * in to the daemon's API.
 */
export function pullFailure(error: unknown, reference: Reference): unknown {
  if (isKind(error, "unauthenticated")) return new Failure("internal", messageOf(error), error)
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
