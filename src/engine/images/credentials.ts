import type { AuthConfig } from "../../api/image.ts"
import type { Credentials } from "../../distribution/credentials.ts"

/** What a client sends of its user; undefined when it is nothing. */
export function credentialsOf(auth: AuthConfig | undefined): Credentials | undefined {
  if (!auth) return undefined
  // Old clients send `user:password` in one, in base64.
  const joined = auth.auth && !auth.username ? Buffer.from(auth.auth, "base64").toString("utf8") : undefined
  const colon = joined?.indexOf(":") ?? -1
  const username = auth.username || (colon > 0 ? joined!.slice(0, colon) : undefined)
  const password = auth.password || (colon > 0 ? joined!.slice(colon + 1) : undefined)
  const found: Credentials = {
    ...(username ? { username } : {}),
    ...(password ? { password } : {}),
    ...(auth.identitytoken ? { identityToken: auth.identitytoken } : {}),
    ...(auth.registrytoken ? { registryToken: auth.registrytoken } : {}),
  }
  return Object.keys(found).length > 0 ? found : undefined
}
