import type { AuthConfig } from "../../api/image.ts"
import { authConfig } from "../../api/requests.ts"
import { readBody } from "../../api/schema.ts"
import { decodeJson, type Json } from "../../std/json.ts"

/** Decodes `X-Registry-Config`: credentials by server address. What cannot be decoded counts as absent, as with Docker. */
export function registryConfig(header: string | undefined): Readonly<Record<string, AuthConfig>> {
  if (!header) return {}
  try {
    const given = decodeJson(Buffer.from(header, "base64url").toString("utf8"))
    if (typeof given !== "object" || given === null || Array.isArray(given)) return {}
    return Object.fromEntries(
      Object.entries(given).map(([address, auth]) => [address, readBody(authConfig, auth as Json)]),
    )
  } catch {
    return {}
  }
}

/** Decodes `X-Registry-Auth` (base64url of JSON). What cannot be decoded counts as absent, as with Docker. */
export function registryAuth(header: string | undefined): AuthConfig | undefined {
  if (!header) return undefined
  try {
    return readBody(authConfig, decodeJson(Buffer.from(header, "base64url").toString("utf8")))
  } catch {
    return undefined
  }
}
