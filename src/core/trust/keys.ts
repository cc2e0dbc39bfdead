import { createHash, createPublicKey, type KeyObject } from "node:crypto"
import { Failure, messageOf } from "../../errors/failure.ts"

/** A public key that signatures are accepted of. */
export interface TrustedKey {
  /** How messages call it: where it came from and how its fingerprint begins. */
  readonly name: string
  readonly key: KeyObject
}

const kinds = ["ec", "ed25519", "rsa"]

/**
 * @param text the key in PEM, as `cosign generate-key-pair` writes it
 * @param from where it came from
 * @throws invalidArgument
 */
export function trustedKey(text: string, from: string): TrustedKey {
  let key: KeyObject
  try {
    if (!text.includes("-----BEGIN PUBLIC KEY-----")) throw new Error("it does not begin with BEGIN PUBLIC KEY")
    key = createPublicKey(text)
  } catch (error) {
    throw new Failure("invalidArgument", `${from} is not a public key in PEM: ${messageOf(error)}`, error)
  }
  if (!kinds.includes(key.asymmetricKeyType ?? "")) {
    throw new Failure("invalidArgument", `${from} is a ${key.asymmetricKeyType} key; use ECDSA, Ed25519 or RSA`)
  }
  const der = key.export({ type: "spki", format: "der" })
  const fingerprint = createHash("sha256").update(der).digest("hex")
  return { name: `${from} (sha256:${fingerprint.slice(0, 16)})`, key }
}
