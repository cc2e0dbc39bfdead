import { formatReference, parseReference, type Reference } from "../../oci/reference.ts"

/** Which names a signature may be for (containers-policy.json(5), `signedIdentity`). */
export type SignedIdentity =
  | { readonly type: "matchExact" | "matchRepoDigestOrExact" | "matchRepository" }
  | { readonly type: "exactReference"; readonly dockerReference: string }
  | { readonly type: "exactRepository"; readonly dockerRepository: string }
  | { readonly type: "remapIdentity"; readonly prefix: string; readonly signedPrefix: string }
  /** Ours: the digest alone counts. Sigstore bundles, which cosign 3 makes, carry no name. */
  | { readonly type: "matchDigest" }

const repositoryOf = ({ domain, path }: Reference) => `${domain}/${path}`

/**
 * Whether a signature for the name `signed` is one for `wanted`.
 * @param signed undefined when the signature names nothing
 */
export function isSignedFor(identity: SignedIdentity, wanted: Reference, signed: string | undefined): boolean {
  if (identity.type === "matchDigest") return true
  const named = signed === undefined ? undefined : parsed(signed)
  if (!named) return false
  switch (identity.type) {
    case "matchExact":
      return isExact(wanted, named)
    case "matchRepoDigestOrExact":
      return isRepoDigestOrExact(wanted, named)
    case "matchRepository":
      return repositoryOf(wanted) === repositoryOf(named)
    case "exactReference": {
      const exact = parsed(identity.dockerReference)
      return exact !== undefined && formatReference(exact) === formatReference(named)
    }
    case "exactRepository": {
      const exact = parsed(identity.dockerRepository)
      return exact !== undefined && repositoryOf(exact) === repositoryOf(named)
    }
    case "remapIdentity": {
      const moved = remapped(wanted, identity.prefix, identity.signedPrefix)
      return moved !== undefined && isRepoDigestOrExact(moved, named)
    }
  }
}

/** How messages call the rule, with what it compares. */
export function describeIdentity(identity: SignedIdentity): string {
  switch (identity.type) {
    case "exactReference":
      return `${identity.type} ${identity.dockerReference}`
    case "exactRepository":
      return `${identity.type} ${identity.dockerRepository}`
    case "remapIdentity":
      return `${identity.type} ${identity.prefix} → ${identity.signedPrefix}`
    default:
      return identity.type
  }
}

const isExact = (wanted: Reference, named: Reference) =>
  wanted.digest === undefined && wanted.tag !== undefined && formatReference(wanted) === formatReference(named)

const isRepoDigestOrExact = (wanted: Reference, named: Reference) =>
  wanted.digest === undefined ? isExact(wanted, named) : repositoryOf(wanted) === repositoryOf(named)

/** `reference` as if what begins with `prefix` were called `signedPrefix`. */
function remapped(reference: Reference, prefix: string, signedPrefix: string): Reference | undefined {
  const name = formatReference(reference)
  const rest = name.slice(prefix.length)
  if (!name.startsWith(prefix) || !(rest === "" || /^[/:@]/.test(rest))) return reference
  return parsed(`${signedPrefix}${rest}`)
}

function parsed(text: string): Reference | undefined {
  try {
    return parseReference(text)
  } catch {
    return undefined
  }
}
