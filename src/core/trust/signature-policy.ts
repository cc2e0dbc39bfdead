import { readFileSync } from "node:fs"
import { Failure, isKind, messageOf } from "../../errors/failure.ts"
import type { Digest } from "../../oci/digest.ts"
import { formatReference, type Reference } from "../../oci/reference.ts"
import type { Scope } from "../scope.ts"
import type { ImageTrust, SignatureSource } from "./contract.ts"
import { describeIdentity, isSignedFor } from "./identity.ts"
import type { TrustedKey } from "./keys.ts"
import { Policy, type Requirement, type SignedRequirement } from "./policy.ts"
import { type FoundSignature, findSignatures } from "./signatures.ts"

/** Faults of signatures that one message tells. */
const told = 4

/** Lets through what the file says (containers-policy.json(5)); everything without a file. */
export class SignaturePolicy implements ImageTrust {
  #loaded: { readonly path: string; readonly policy: Policy } | undefined

  /** @throws invalidArgument when the file cannot be used */
  constructor(path?: string) {
    this.configure(path)
  }

  /** Reads the file, or another one, and the keys anew. @throws invalidArgument, and keeps what was */
  configure(path: string | undefined): void {
    if (path === undefined) {
      this.#loaded = undefined
      return
    }
    try {
      const read = (file: string) => readFileSync(file, "utf8")
      this.#loaded = { path, policy: Policy.parse(read(path), read) }
    } catch (error) {
      throw new Failure("invalidArgument", `cannot use the signature policy ${path}: ${messageOf(error)}`, error)
    }
  }

  async objection(
    scope: Scope,
    reference: Reference,
    digest: Digest,
    repository: SignatureSource,
  ): Promise<string | undefined> {
    if (!this.#loaded) return undefined
    const { path, policy } = this.#loaded
    const { where, requirements } = policy.entryFor(reference)
    for (const requirement of requirements) {
      const why = await fault(scope, requirement, reference, digest, repository)
      if (why !== undefined) return `${why} (${where} of ${path})`
    }
    return undefined
  }
}

/** Why an image does not meet a requirement; undefined when it does. */
async function fault(
  scope: Scope,
  requirement: Requirement,
  reference: Reference,
  digest: Digest,
  repository: SignatureSource,
): Promise<string | undefined> {
  if (requirement.type === "insecureAcceptAnything") return undefined
  if (requirement.type === "reject") return "nothing may come from there"
  const faults: string[] = []
  for await (const found of signatures(scope, repository, digest)) {
    const why = typeof found === "string" ? found : await signatureFault(requirement, reference, digest, found)
    if (why === undefined) return undefined
    faults.push(why)
  }
  if (faults.length === 0) return `it has no signature, and one by ${keyNames(requirement.keys)} is required`
  const more = faults.length > told ? [`${faults.length - told} more`] : []
  return [...faults.slice(0, told), ...more].join("; ")
}

async function* signatures(scope: Scope, repository: SignatureSource, digest: Digest) {
  try {
    yield* findSignatures(repository, digest, scope.signal)
  } catch (error) {
    if (!(error instanceof Failure) || isKind(error, "cancelled")) throw error
    throw new Failure(error.kind, `cannot look for signatures of ${digest}: ${error.message}`, error)
  }
}

async function signatureFault(
  { keys, identity }: SignedRequirement,
  reference: Reference,
  digest: Digest,
  found: FoundSignature,
): Promise<string | undefined> {
  const { where } = found
  const key = await signer(keys, found)
  if (!key) return `the signature at ${where} is not by ${keyNames(keys)}, or what it signed was changed`
  try {
    const { digest: signed, name } = found.statement()
    if (signed !== digest) return `the signature at ${where} by ${key.name} is of ${signed}`
    if (isSignedFor(identity, reference, name)) return undefined
    const named = name === undefined ? "no name" : `the name ${name}`
    const wanted = `${describeIdentity(identity)} wants one for ${formatReference(reference)}`
    return `the signature at ${where} by ${key.name} is for ${named}, and ${wanted}`
  } catch (error) {
    return `the signature at ${where} by ${key.name}: ${messageOf(error)}`
  }
}

/** The first of `keys` that made the signature. */
async function signer(keys: readonly TrustedKey[], found: FoundSignature): Promise<TrustedKey | undefined> {
  const { crypto } = await import("@sigstore/core")
  const [payload, signature] = [Buffer.from(found.payload), Buffer.from(found.signature)]
  return keys.find(({ key }) =>
    // Ed25519 signs the text itself; with the others cosign signs its sha256.
    crypto.verify(payload, key, signature, key.asymmetricKeyType === "ed25519" ? undefined : "sha256"),
  )
}

const keyNames = (keys: readonly TrustedKey[]) => keys.map(({ name }) => name).join(" or ")
