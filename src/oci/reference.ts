import { Failure } from "../errors/failure.ts"
import { type Digest, isDigest } from "./digest.ts"

/**
 * A fully qualified image reference (distribution reference grammar): `domain/path[:tag][@digest]`.
 * `docker.io/library/busybox:latest` is what users write as `busybox`.
 */
export interface Reference {
  readonly domain: string
  readonly path: string
  readonly tag?: string
  readonly digest?: Digest
}

const domainPattern =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/
const componentPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/
const tagPattern = /^[\w][\w.-]{0,127}$/

/**
 * Parses what a user writes, with Docker's defaults: domain `docker.io`, `library/` before a bare name. The tag is left
 * absent when none was given.
 * @throws invalidArgument with Docker's wording
 */
export function parseReference(text: string): Reference {
  const invalid = () => new Failure("invalidArgument", "invalid reference format")
  if (/^[0-9a-f]{64}$/.test(text)) {
    throw new Failure(
      "invalidArgument",
      `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`,
    )
  }
  let rest = text
  let digest: Digest | undefined
  const at = rest.indexOf("@")
  if (at >= 0) {
    const given = rest.slice(at + 1)
    if (!isDigest(given)) throw invalid()
    digest = given
    rest = rest.slice(0, at)
  }
  const slash = rest.indexOf("/")
  const first = slash >= 0 ? rest.slice(0, slash) : ""
  const named = slash >= 0 && (/[.:]/.test(first) || first === "localhost" || first.toLowerCase() !== first)
  let domain = named ? first : "docker.io"
  let remainder = named ? rest.slice(slash + 1) : rest
  if (domain === "index.docker.io") domain = "docker.io"
  let tag: string | undefined
  const colon = remainder.lastIndexOf(":")
  if (colon > remainder.lastIndexOf("/")) {
    tag = remainder.slice(colon + 1)
    remainder = remainder.slice(0, colon)
    if (!tagPattern.test(tag)) throw invalid()
  }
  const path = domain === "docker.io" && remainder && !remainder.includes("/") ? `library/${remainder}` : remainder
  if (!domainPattern.test(domain)) throw invalid()
  if (path.toLowerCase() !== path) {
    throw new Failure("invalidArgument", `invalid reference format: repository name (${path}) must be lowercase`)
  }
  if (!path?.split("/").every((component) => componentPattern.test(component))) throw invalid()
  if (domain.length + 1 + path.length > 255) {
    throw new Failure(
      "invalidArgument",
      "invalid reference format: repository name must not be more than 255 characters",
    )
  }
  return { domain, path, ...(tag ? { tag } : {}), ...(digest ? { digest } : {}) }
}

/** `reference` with the tag `latest` when it has neither tag nor digest. */
export const withDefaultTag = (reference: Reference): Reference =>
  reference.tag || reference.digest ? reference : { ...reference, tag: "latest" }

/** The stored form: `docker.io/library/busybox:latest`. */
export const formatReference = (reference: Reference): string =>
  `${reference.domain}/${reference.path}${reference.tag ? `:${reference.tag}` : ""}${reference.digest ? `@${reference.digest}` : ""}`

/** The name without tag and digest, as people write it: `busybox`, `user/app`, `ghcr.io/a/b`. */
export function familiarName(reference: Reference): string {
  if (reference.domain !== "docker.io") return `${reference.domain}/${reference.path}`
  return reference.path.startsWith("library/") && reference.path.split("/").length === 2
    ? reference.path.slice("library/".length)
    : reference.path
}

/** What people write and Docker prints: `busybox:latest`. */
export const familiar = (reference: Reference): string =>
  `${familiarName(reference)}${reference.tag ? `:${reference.tag}` : ""}${reference.digest ? `@${reference.digest}` : ""}`
