import type { Turns } from "./turns.ts"

/**
 * The same entries in the order of their names: the order that Go writes maps in, which is what programs compare and people diff.
 * @returns `entries` itself when they are in order already
 */
export function sortedByName<T>(entries: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  // Looking is far cheaper than making another object of tens of thousands of entries.
  if (areSorted(Object.keys(entries))) return entries
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)))
}

const areSorted = (names: readonly string[]): boolean => names.every((name, at) => at === 0 || names[at - 1]! < name)

/** How many texts are sorted or merged at once: less than a millisecond. */
const runLength = 1024

/** The texts in the order of their UTF-16 codes, as `sort` has them; others get their turn meanwhile. */
export async function sortedInTurns(texts: readonly string[], turns: Turns): Promise<readonly string[]> {
  let runs: (readonly string[])[] = []
  for (let at = 0; at < texts.length; at += runLength) {
    runs.push(texts.slice(at, at + runLength).sort())
    await turns.pass()
  }
  while (runs.length > 1) {
    const longer: (readonly string[])[] = []
    for (let at = 0; at < runs.length; at += 2) {
      const [one, other] = [runs[at]!, runs[at + 1]]
      longer.push(other ? await merged(one, other, turns) : one)
    }
    runs = longer
  }
  return runs[0] ?? []
}

async function merged(one: readonly string[], other: readonly string[], turns: Turns): Promise<readonly string[]> {
  const both: string[] = []
  for (let [left, right] = [0, 0]; left < one.length || right < other.length; ) {
    if (right === other.length || (left < one.length && one[left]! <= other[right]!)) both.push(one[left++]!)
    else both.push(other[right++]!)
    if (both.length % runLength === 0) await turns.pass()
  }
  return both
}
