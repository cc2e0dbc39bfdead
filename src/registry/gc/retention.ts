import { matchesAny } from "../policy.ts"
import type { TagRecord } from "../repositories/repositories.ts"

/**
 * Tags that go by themselves. A tag goes when it is beyond the newest `keepLast` of the rule's tags and older than `olderThan`,
 * as far as each is given.
 */
export interface RetentionRule {
  readonly repositories: readonly string[]
  readonly tags: readonly string[]
  /** Tags that the rule leaves alone. */
  readonly except: readonly string[]
  readonly keepLast?: number
  /** Milliseconds. */
  readonly olderThan?: number
}

/** The tags of a repository that the rules let go at `now` (milliseconds since the epoch). */
export function expired(
  rules: readonly RetentionRule[],
  repository: string,
  tags: readonly TagRecord[],
  now: number,
): readonly TagRecord[] {
  const going = new Set<TagRecord>()
  for (const rule of rules) {
    if (!matchesAny(rule.repositories, repository)) continue
    const concerned = tags
      .filter(({ tag }) => matchesAny(rule.tags, tag) && !matchesAny(rule.except, tag))
      .sort((a, b) => b.pushedAt - a.pushedAt)
    for (const record of concerned.slice(rule.keepLast ?? 0)) {
      if (rule.olderThan === undefined || record.pushedAt < now - rule.olderThan) going.add(record)
    }
  }
  return [...going]
}
