import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto"
import { Failure, messageOf } from "../../errors/failure.ts"

/** What a token says. */
export type Claims = Readonly<Record<string, unknown>>

/** A key with the one algorithm it is used with (RFC 7518, section 3.1): a token cannot choose another. */
export interface TokenKey {
  readonly algorithm: "EdDSA" | "ES256" | "ES384" | "RS256"
  readonly key: KeyObject
  readonly id?: string
}

/** Milliseconds that clocks may differ. */
const leeway = 60_000

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url")

function hashOf(algorithm: TokenKey["algorithm"]): string | null {
  return { EdDSA: null, ES256: "sha256", ES384: "sha384", RS256: "sha256" }[algorithm]
}

/** A signed token (RFC 7515, compact serialization). */
export function signToken(claims: Claims, { algorithm, key, id }: TokenKey): string {
  const head = encoded({ alg: algorithm, typ: "JWT", ...(id ? { kid: id } : {}) })
  const text = `${head}.${encoded(claims)}`
  const signature = sign(hashOf(algorithm), Buffer.from(text), { key, dsaEncoding: "ieee-p1363" })
  return `${text}.${signature.toString("base64url")}`
}

/**
 * The claims of a token that one of `keys` signed and that is valid now for `audience` (RFC 7519, section 4.1).
 * @returns why it is not, otherwise
 */
export function verifyToken(
  token: string,
  keys: readonly TokenKey[],
  expected: { readonly audience: string; readonly issuer?: string },
): { readonly claims: Claims } | { readonly refused: string } {
  const parts = token.split(".")
  if (parts.length !== 3) return { refused: "the token is malformed" }
  const head = decoded(parts[0]!)
  const claims = decoded(parts[1]!)
  if (!head || !claims) return { refused: "the token is malformed" }
  const text = Buffer.from(`${parts[0]}.${parts[1]}`)
  const signature = Buffer.from(parts[2]!, "base64url")
  const signed = keys
    .filter((each) => each.algorithm === head["alg"] && (!each.id || !head["kid"] || each.id === head["kid"]))
    .some(({ algorithm, key }) => verify(hashOf(algorithm), text, { key, dsaEncoding: "ieee-p1363" }, signature))
  if (!signed) return { refused: "the token's signature is not one of this registry's issuer" }
  const now = Date.now()
  const time = (name: string) => (typeof claims[name] === "number" ? claims[name] * 1000 : undefined)
  const expiry = time("exp")
  if (expiry === undefined || expiry + leeway < now) return { refused: "the token has expired" }
  if ((time("nbf") ?? 0) - leeway > now) return { refused: "the token is not valid yet" }
  const audience = claims["aud"]
  if (!(Array.isArray(audience) ? audience.includes(expected.audience) : audience === expected.audience)) {
    return { refused: "the token is for another service" }
  }
  if (expected.issuer !== undefined && claims["iss"] !== expected.issuer) {
    return { refused: "the token comes from another issuer" }
  }
  return { claims }
}

function decoded(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"))
    return typeof value === "object" && value !== null ? (value as Claims) : undefined
  } catch {
    return undefined
  }
}

/**
 * The public keys of a text: PEM (keys, certificates) or a JSON Web Key Set (RFC 7517).
 * @throws invalidArgument
 */
export function publicKeys(text: string): readonly TokenKey[] {
  try {
    if (text.trimStart().startsWith("{")) {
      const document = JSON.parse(text) as { keys?: readonly JsonWebKey[] }
      return (document.keys ?? [document as JsonWebKey]).map((jwk) => {
        const key = createPublicKey({ key: jwk as never, format: "jwk" })
        const id = (jwk as { kid?: string }).kid
        return { algorithm: algorithmOf(key), key, ...(id ? { id } : {}) }
      })
    }
    const blocks = text.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? []
    if (blocks.length === 0) throw new Error("no PEM block and no JSON Web Key Set")
    return blocks.map((block) => {
      const key = createPublicKey(block)
      return { algorithm: algorithmOf(key), key }
    })
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure("invalidArgument", `the issuer's keys cannot be used: ${messageOf(error)}`, error)
  }
}

/** The private key of a PEM text. @throws invalidArgument */
export function privateKey(text: string): TokenKey {
  try {
    const key = createPrivateKey(text)
    return { algorithm: algorithmOf(key), key }
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure("invalidArgument", `the signing key cannot be used: ${messageOf(error)}`, error)
  }
}

interface JsonWebKey {
  readonly kty?: string
}

function algorithmOf(key: KeyObject): TokenKey["algorithm"] {
  const type = key.asymmetricKeyType
  if (type === "ed25519") return "EdDSA"
  if (type === "rsa") return "RS256"
  const curve = key.asymmetricKeyDetails?.namedCurve
  if (type === "ec" && curve === "prime256v1") return "ES256"
  if (type === "ec" && curve === "secp384r1") return "ES384"
  throw new Failure("invalidArgument", "unsupported key: use Ed25519, RSA or an elliptic curve P-256 or P-384")
}
