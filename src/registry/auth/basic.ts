import { Refusal } from "../refusal.ts"

/** What a client said in `Authorization: Basic`. @throws Refusal UNAUTHORIZED for a malformed field */
export function basicCredentials(field: string): { readonly user: string; readonly password: string } {
  const text = Buffer.from(field.replace(/^basic\s+/i, ""), "base64").toString("utf8")
  const colon = text.indexOf(":")
  if (colon < 0) throw new Refusal("UNAUTHORIZED", "malformed Authorization header")
  return { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

export const isBasic = (field: string | undefined): field is string => /^basic\s/i.test(field ?? "")
export const isBearer = (field: string | undefined): field is string => /^bearer\s/i.test(field ?? "")
