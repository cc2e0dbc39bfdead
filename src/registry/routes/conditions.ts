import { Refusal } from "../refusal.ts"

const lists = (field: string, tag: string): boolean =>
  field === "*" || field.split(",").some((one) => one.trim().replace(/^W\//, "") === tag)

/** The entity tag of what has `digest`. */
export const entityTag = (digest: string): string => `"${digest}"`

/** Whether the client has what it asks for (RFC 9110, section 13.1.2). */
export const unchanged = (ifNoneMatch: string | undefined, digest: string): boolean =>
  ifNoneMatch !== undefined && lists(ifNoneMatch, entityTag(digest))

/** Checks a write's conditions against what is there (RFC 9110, sections 13.1.1 and 13.1.2). @throws Refusal with 412 */
export function checkWrite(
  conditions: { readonly ifMatch: string | undefined; readonly ifNoneMatch: string | undefined },
  current: string | undefined,
): void {
  const { ifMatch, ifNoneMatch } = conditions
  const failed =
    (ifMatch !== undefined && (current === undefined || !lists(ifMatch, entityTag(current)))) ||
    (ifNoneMatch !== undefined && current !== undefined && lists(ifNoneMatch, entityTag(current)))
  if (!failed) return
  throw new Refusal("DENIED", "the tag has changed, or exists, against the request's condition: read it again", {
    status: 412,
    detail: { current: current ?? null },
  })
}
