/** A pattern over names: `*` is anything but `/`, `**` anything. */
export function matches(pattern: string, name: string): boolean {
  const source = pattern
    .split(/(\*\*|\*)/)
    .map((part) => (part === "**" ? ".*" : part === "*" ? "[^/]*" : part.replace(/[.+?^${}()|[\]\\]/g, "\\$&")))
    .join("")
  return new RegExp(`^${source}$`).test(name)
}

export const matchesAny = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) => matches(pattern, name))

/** Tags that, once set, stay what they are. */
export interface Immutability {
  readonly repositories: readonly string[]
  readonly tags: readonly string[]
}

/** How many bytes each of the repositories may have. */
export interface Quota {
  readonly repositories: readonly string[]
  readonly bytes: number
}

/** What limits repositories. May be exchanged while serving. */
export interface Policy {
  readonly immutable: readonly Immutability[]
  readonly quotas: readonly Quota[]
  /** Largest manifest, bytes. */
  readonly manifestLimit: number
  /** Whether clients may delete. */
  readonly deletes: boolean
  /** Whether manifests may refer to what the repository does not have. */
  readonly sparse: boolean
}

export const isImmutable = (policy: Policy, repository: string, tag: string): boolean =>
  policy.immutable.some((rule) => matchesAny(rule.repositories, repository) && matchesAny(rule.tags, tag))

/** Whether any tag of `repository` may be immutable. */
export const immutableTags = (policy: Policy, repository: string): boolean =>
  policy.immutable.some((rule) => matchesAny(rule.repositories, repository))

/** Bytes that `repository` may have; the first quota that names it counts. */
export const quotaOf = (policy: Policy, repository: string): number | undefined =>
  policy.quotas.find((quota) => matchesAny(quota.repositories, repository))?.bytes
