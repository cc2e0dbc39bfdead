import { Failure } from "../errors/failure.ts"

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** The digest of stored bytes, `sha256:<64 hex>` or `sha512:<128 hex>` (OCI image spec, "Digests"). */
export type Digest = Branded<"digest">
/** The digest of an uncompressed layer tar (OCI image spec, `rootfs.diff_ids`). */
export type DiffID = Branded<"diffID">
/** The digest that names a stack of layers (OCI image spec, "Layer ChainID"). */
export type ChainID = Branded<"chainID">

const pattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/

/** @returns whether `text` is a digest that this program can verify */
export const isDigest = (text: string): text is Digest => pattern.test(text)

/** @throws invalidArgument when `text` is not a supported digest */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) throw new Failure("invalidArgument", `invalid digest "${text}": expected sha256:<64 hex digits>`)
  return text
}

/** @throws invalidArgument when `text` is not a supported digest */
export const parseDiffID = (text: string): DiffID => parseDigest(text) as string as DiffID

/** The sha256 digest of `bytes`. Loads `node:crypto` when first asked: a command line that only reads references does without. */
export function digestOf(bytes: Uint8Array | string): Digest {
  const { createHash } = process.getBuiltinModule("node:crypto")
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest
}

/** `sha256` or `sha512`. */
export const algorithmOf = (digest: Digest): "sha256" | "sha512" => digest.slice(0, 6) as "sha256" | "sha512"

/** The hexadecimal part. */
export const hexOf = (digest: Digest | DiffID | ChainID): string => digest.slice(digest.indexOf(":") + 1)

/**
 * The chain IDs of a stack of layers, bottom first: `chain[0] = diff[0]`, `chain[n] = sha256(chain[n-1] + " " + diff[n])`.
 */
export function chainIDs(diffIDs: readonly DiffID[]): ChainID[] {
  const chain: ChainID[] = []
  for (const diffID of diffIDs) {
    const parent = chain.at(-1)
    chain.push((parent ? digestOf(`${parent} ${diffID}`) : diffID) as string as ChainID)
  }
  return chain
}
