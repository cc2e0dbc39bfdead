import { createHash } from "node:crypto"

/** What a user logged in with. */
export interface Credentials {
  readonly username?: string
  readonly password?: string
  /** A refresh token for the registry's token service (OAuth 2). */
  readonly identityToken?: string
  /** A bearer token for the registry itself. */
  readonly registryToken?: string
}

/** A name for credentials that tells nothing of them. */
export const fingerprint = (credentials: Credentials | undefined): string =>
  createHash("sha256")
    .update(
      JSON.stringify([
        credentials?.username ?? "",
        credentials?.password ?? "",
        credentials?.identityToken ?? "",
        credentials?.registryToken ?? "",
      ]),
    )
    .digest("base64")
