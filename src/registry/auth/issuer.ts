import { randomUUID } from "node:crypto"
import { Refusal } from "../refusal.ts"
import type { Call } from "../routes/call.ts"
import type { Pages } from "../routes/dispatch.ts"
import { basicCredentials, isBasic } from "./basic.ts"
import type { Users } from "./htpasswd.ts"
import { signToken, type TokenKey, verifyToken } from "./jwt.ts"
import { accessOf, type Right } from "./rights.ts"
import { granted, parseScopes } from "./scope.ts"
import { tokenPath } from "./token-access.ts"

export interface IssuerOptions {
  readonly users: Users
  readonly rights: readonly Right[]
  readonly key: TokenKey
  readonly service: string
  readonly issuer: string
  /** Seconds that a token is valid. */
  readonly lifetime: number
}

/** Refresh tokens are for another audience than access tokens, so that one never passes for the other. */
const refreshAudience = (service: string) => `${service}#refresh`
/** Seconds. */
const refreshLifetime = 30 * 24 * 3600
const largestForm = 16 * 1024

/**
 * Gives out tokens: `GET` with Basic credentials or without, and the OAuth 2 `POST` with a password or a refresh token
 * (distribution token specification). A token allows what the user asked for and may do.
 */
export function tokenIssuer(options: () => IssuerOptions | undefined): Pages {
  return async (call) => {
    if (call.path !== tokenPath) return false
    const current = options()
    if (!current) return false
    call.operation = "token"
    if (call.request.method === "GET") await byGet(call, current)
    else if (call.request.method === "POST") await byPost(call, current)
    else throw new Refusal("UNSUPPORTED", "tokens are got by GET or POST", { headers: { Allow: "GET, POST" } })
    return true
  }
}

async function byGet(call: Call, options: IssuerOptions): Promise<void> {
  const field = call.header("authorization")
  const user = isBasic(field) ? await known(options, basicCredentials(field)) : undefined
  const token = access(options, user, call.query.getAll("scope"))
  const refresh = user !== undefined && call.query.get("offline_token") === "true"
  answer(call, options, token, refresh ? refreshToken(options, user) : undefined)
}

async function byPost(call: Call, options: IssuerOptions): Promise<void> {
  const form = await readForm(call)
  const kind = form.get("grant_type")
  const scopes = form.getAll("scope")
  if (kind === "password") {
    const user = await known(options, { user: form.get("username") ?? "", password: form.get("password") ?? "" })
    const offline = form.get("access_type") === "offline"
    answer(call, options, access(options, user, scopes), offline ? refreshToken(options, user) : undefined)
  } else if (kind === "refresh_token") {
    const given = form.get("refresh_token") ?? ""
    const result = verifyToken(given, [options.key], {
      audience: refreshAudience(options.service),
      issuer: options.issuer,
    })
    if ("refused" in result) throw new Refusal("UNAUTHORIZED", `log in again: ${result.refused}`)
    const user = String(result.claims["sub"])
    if (!options.users.has(user)) throw new Refusal("UNAUTHORIZED", `log in again: there is no user ${user} any more`)
    answer(call, options, access(options, user, scopes), given)
  } else {
    throw new Refusal("UNSUPPORTED", `unsupported grant_type "${kind}": use password or refresh_token`, { status: 400 })
  }
}

async function known(
  options: IssuerOptions,
  { user, password }: { readonly user: string; readonly password: string },
): Promise<string> {
  if (await options.users.verify(user, password)) return user
  throw new Refusal("UNAUTHORIZED", "wrong user name or password", {
    headers: { "WWW-Authenticate": `Basic realm="${options.service}"` },
  })
}

function access(options: IssuerOptions, user: string | undefined, scopes: readonly string[]): string {
  const now = Math.floor(Date.now() / 1000)
  return signToken(
    {
      iss: options.issuer,
      aud: options.service,
      ...(user === undefined ? {} : { sub: user }),
      iat: now,
      nbf: now,
      exp: now + options.lifetime,
      jti: randomUUID(),
      access: granted(parseScopes(scopes), accessOf(options.rights, user)),
    },
    options.key,
  )
}

function refreshToken(options: IssuerOptions, user: string): string {
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: options.issuer, aud: refreshAudience(options.service), sub: user, exp: now + refreshLifetime }
  return signToken(claims, options.key)
}

function answer(call: Call, options: IssuerOptions, token: string, refresh: string | undefined): void {
  call.json(
    200,
    {
      token,
      access_token: token,
      expires_in: options.lifetime,
      issued_at: new Date().toISOString(),
      ...(refresh === undefined ? {} : { refresh_token: refresh }),
    },
    { "Cache-Control": "no-store" },
  )
}

async function readForm(call: Call): Promise<URLSearchParams> {
  let text = ""
  for await (const part of call.request.body) {
    text += Buffer.from(part).toString("utf8")
    if (text.length > largestForm) throw new Refusal("UNSUPPORTED", "the form is too large", { status: 413 })
  }
  return new URLSearchParams(text)
}
