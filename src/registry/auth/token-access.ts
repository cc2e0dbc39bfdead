import type { HttpRequest } from "../../std/http/request.ts"
import { Refusal } from "../refusal.ts"
import { isBearer } from "./basic.ts"
import type { Authenticator } from "./contract.ts"
import { type TokenKey, verifyToken } from "./jwt.ts"
import { accessByGrants, type Grant, scopeFor } from "./scope.ts"

export interface TokenAccessOptions {
  readonly keys: readonly TokenKey[]
  /** The audience of tokens. */
  readonly service: string
  readonly issuer?: string
  /** Where tokens are got; absent it is this server's own issuer. */
  readonly realm?: string
  /** What users have rights to, when this server knows: the catalog shows them that. */
  readonly sees?: (user: string | undefined, repository: string) => boolean
}

/** Where this server's own issuer answers. */
export const tokenPath = "/auth/token"

/** Requests bring tokens, which say what may be done (distribution token specification). */
export function tokenAccess(options: TokenAccessOptions): Authenticator {
  const { keys, service, issuer } = options
  const challenge: Authenticator["challenge"] = (request, wanted) => {
    const field = request.headers.get("authorization")
    const source = wanted?.source === undefined ? [] : [scopeFor("pull", wanted.source)]
    const scope = wanted ? `,scope="${[scopeFor(wanted.action, wanted.repository), ...source].join(" ")}"` : ""
    const problem = wanted && isBearer(field) ? ',error="insufficient_scope"' : ""
    return `Bearer realm="${options.realm ?? ownRealm(request)}",service="${service}"${scope}${problem}`
  }
  return {
    async access(request) {
      const field = request.headers.get("authorization")
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

function ownRealm(request: HttpRequest): string {
  const scheme = request.peer.transport === "tls" ? "https" : (request.headers.get("x-forwarded-proto") ?? "http")
  return `${scheme}://${request.headers.get("host") ?? "localhost"}${tokenPath}`
}
