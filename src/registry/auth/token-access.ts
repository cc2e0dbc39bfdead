import { Refusal } from "../refusal.ts"
import { isBasic, isBearer } from "./basic.ts"
import type { Authenticator } from "./contract.ts"
import { externalAddress } from "./external.ts"
import { type TokenKey, verifyToken } from "./jwt.ts"
import { accessByGrants, type Grant, scopeFor } from "./scope.ts"

export interface TokenAccessOptions {
  readonly keys: readonly TokenKey[]
  /** The audience of tokens. */
  readonly service: string
  readonly issuer?: string
  /** Where tokens are got; absent it is this server's own issuer. */
  readonly realm?: string
  /** This server's address as clients see it, when it is configured. */
  readonly external?: string
  /** What users have rights to, when this server knows: the catalog shows them that. */
  readonly sees?: (user: string | undefined, repository: string) => boolean
  /** Takes names and passwords too, where this server knows them: scripts send them without asking for a token. */
  readonly passwords?: Authenticator
}

/** Where this server's own issuer answers. */
export const tokenPath = "/auth/token"

/** Requests bring tokens, which say what may be done (distribution token specification). */
export function tokenAccess(options: TokenAccessOptions): Authenticator {
  const { keys, service, issuer } = options
  const challenge: Authenticator["challenge"] = (request, wanted) => {
    const field = request.headers.get("authorization")
    // A token would not give more to a user who is known already.
    if (wanted && options.passwords && isBasic(field)) return undefined
    const source = wanted?.source === undefined ? [] : [scopeFor("pull", wanted.source)]
    const scope = wanted ? `,scope="${[scopeFor(wanted.action, wanted.repository), ...source].join(" ")}"` : ""
    const problem = wanted && isBearer(field) ? ',error="insufficient_scope"' : ""
    return `Bearer realm="${options.realm ?? `${externalAddress(request, options.external)}${tokenPath}`}",service="${service}"${scope}${problem}`
  }
  return {
    async access(request) {
      const field = request.headers.get("authorization")
      if (options.passwords && isBasic(field)) return await options.passwords.access(request)
      if (!isBearer(field)) return { may: () => false, sees: () => false }
      const expected = { audience: service, ...(issuer === undefined ? {} : { issuer }) }
      const result = verifyToken(field.replace(/^bearer\s+/i, ""), keys, expected)
      if ("refused" in result) {
        throw new Refusal("UNAUTHORIZED", result.refused, {
          headers: { "WWW-Authenticate": `${challenge(request)},error="invalid_token"` },
        })
      }
      const { sub, access } = result.claims
      const user = typeof sub === "string" && sub !== "" ? sub : undefined
      const grants = Array.isArray(access) ? (access as readonly Grant[]).filter(isGrant) : []
      // A token without a name is still a token: the client came back with what it was asked for.
      const sees = (repository: string) => options.sees?.(user, repository) ?? true
      return { ...accessByGrants(user, grants, sees), user: user ?? "anonymous" }
    },
    challenge,
  }
}

const isGrant = (value: Grant): boolean =>
  typeof value === "object" && value !== null && typeof value.name === "string" && Array.isArray(value.actions)
