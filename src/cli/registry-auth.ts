import type { AuthConfig } from "../api/image.ts"
import type { ClientConfigFile } from "./client-config.ts"

const dockerHub = "https://index.docker.io/v1/"

/** What the user's config.json knows for logging in to a registry; nothing when it has no entry. */
export function registryAuth(config: ClientConfigFile, domain: string): AuthConfig | undefined {
  const key = domain === "docker.io" ? dockerHub : domain
  const entry = config.auths?.[key]
  if (!entry) return undefined
  const [username = "", ...password] = Buffer.from(entry.auth ?? "", "base64")
    .toString()
    .split(":")
  return {
    ...(username ? { username, password: password.join(":") } : {}),
    ...(entry.identitytoken ? { identitytoken: entry.identitytoken } : {}),
    serveraddress: key,
  }
}
