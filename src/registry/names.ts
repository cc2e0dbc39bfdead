import { type Digest, isDigest } from "../oci/digest.ts"
import { Refusal } from "./refusal.ts"

const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*"
const namePattern = new RegExp(`^${component}(?:/${component})*$`)
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/
const longestName = 255

/** Whether `text` is a repository name (OCI distribution, "Pulling manifests"). */
export const isRepositoryName = (text: string): boolean => text.length <= longestName && namePattern.test(text)

/** Whether `text` is a tag (OCI distribution, "Pulling manifests"). */
export const isTag = (text: string): boolean => tagPattern.test(text)

/** @throws Refusal NAME_INVALID */
export function checkedName(text: string): string {
  if (isRepositoryName(text)) return text
  throw new Refusal("NAME_INVALID", `invalid repository name "${text}": lower-case words separated by /, at most 255`, {
    detail: { name: text },
  })
}

/** @throws Refusal DIGEST_INVALID */
export function checkedDigest(text: string): Digest {
  if (isDigest(text)) return text
  throw new Refusal("DIGEST_INVALID", `invalid digest "${text}": sha256:<64 hex digits> or sha512:<128 hex digits>`, {
    detail: { digest: text },
  })
}

/** What names a manifest: a tag or a digest. @throws Refusal DIGEST_INVALID, MANIFEST_INVALID */
export function checkedReference(text: string): { readonly tag: string } | { readonly digest: Digest } {
  if (text.includes(":")) return { digest: checkedDigest(text) }
  if (isTag(text)) return { tag: text }
  throw new Refusal("MANIFEST_INVALID", `invalid tag "${text}": up to 128 letters, digits, dots, dashes, underscores`, {
    detail: { tag: text },
  })
}

/** Lexical order, case-insensitive first, as the specification lists tags; total. */
export function lexically(a: string, b: string): number {
  const left = a.toLowerCase()
  const right = b.toLowerCase()
  if (left !== right) return left < right ? -1 : 1
  return a < b ? -1 : a > b ? 1 : 0
}

/** A page of a sorted list: what comes after `last`, at most `n`. `next` is the `last` of the following page. */
export function page(
  sorted: readonly string[],
  { last, n }: { readonly last?: string; readonly n?: number },
): { readonly items: readonly string[]; readonly next?: string } {
  const rest = last === undefined ? sorted : sorted.filter((each) => lexically(each, last) > 0)
  if (n === undefined || n >= rest.length) return { items: rest }
  const items = rest.slice(0, n)
  const next = items.at(-1)
  return next === undefined ? { items } : { items, next }
}
