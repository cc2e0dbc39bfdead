import type { AuthConfig } from "../../api/image.ts"
import { authConfig } from "../../api/requests.ts"
import { readBody } from "../../api/schema.ts"
import { decodeJson } from "../../std/json.ts"

/** Decodes `X-Registry-Auth` (base64url of JSON). What cannot be decoded counts as absent, as with Docker. */
export function registryAuth(header: string | undefined): AuthConfig | undefined {
  if (!header) return undefined
  try {
    return readBody(authConfig, decodeJson(Buffer.from(header, "base64url").toString("utf8")))
  } catch {
    return undefined
  }
}
