import { Failure, messageOf } from "../errors/failure.ts"
import { parseNanos } from "../std/clock.ts"
import { LinearPattern } from "../std/linear-pattern.ts"

/** What `filters=` asks for: key → wanted values. */
export type Filters = ReadonlyMap<string, readonly string[]>

export const noFilters: Filters = new Map()

/**
 * Parses `filters` in both forms, `{"k":["v"]}` and the old `{"k":{"v":true}}`, and checks the keys.
 * @param known the keys this operation accepts; all when absent
 * @throws invalidArgument
 */
export function parseFilters(text: string | undefined, known?: readonly string[]): Filters {
  if (!text) return noFilters
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new Failure("invalidArgument", "invalid filter", error)
  }
  if (parsed === null) return noFilters
  if (typeof parsed !== "object" || Array.isArray(parsed)) throw new Failure("invalidArgument", "invalid filter")
  const filters = new Map<string, readonly string[]>()
  for (const [key, value] of Object.entries(parsed)) {
    if (known && !known.includes(key)) throw new Failure("invalidArgument", `invalid filter '${key}'`)
    filters.set(key, filterValues(value))
  }
  return filters
}

function filterValues(value: unknown): readonly string[] {
  if (value === null) return []
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value
  if (typeof value === "object" && !Array.isArray(value) && Object.values(value).every((on) => typeof on === "boolean"))
    return Object.keys(value)
  throw new Failure("invalidArgument", "invalid filter")
}

/** The one boolean of a filter such as `dangling`. @throws invalidArgument */
export function booleanFilter(filters: Filters, key: string): boolean | undefined {
  const values = filters.get(key)
  if (!values) return undefined
  if (values.length === 0) throw new Failure("invalidArgument", `invalid filter '${key}'`)
  const yes = values.includes("1") || values.includes("true")
  const no = values.includes("0") || values.includes("false")
  if (yes === no) throw new Failure("invalidArgument", `invalid filter '${key}=[${values.join(" ")}]'`)
  return yes
}

/** Whether `labels` carries every `k` or `k=v` of filter `label`, and none of filter `label!`. */
export function labelsMatch(filters: Filters, labels: Readonly<Record<string, string>> | null): boolean {
  const has = (wanted: string) => carries(labels ?? {}, wanted)
  return (filters.get("label") ?? []).every(has) && !(filters.get("label!") ?? []).some(has)
}

/** Whether `annotations` carries every `k` or `k=v` of filter `annotation`. */
export const annotationsMatch = (filters: Filters, annotations: Readonly<Record<string, string>>): boolean =>
  (filters.get("annotation") ?? []).every((wanted) => carries(annotations, wanted))

function carries(values: Readonly<Record<string, string>>, wanted: string): boolean {
  const cut = wanted.indexOf("=")
  const value = values[cut < 0 ? wanted : wanted.slice(0, cut)]
  return cut < 0 ? value !== undefined : value === wanted.slice(cut + 1)
}

/** Whether a filter is absent or one of its values equals `value`. */
export function exactMatch(filters: Filters, key: string, value: string): boolean {
  const wanted = filters.get(key)
  return !wanted || wanted.length === 0 || wanted.includes(value)
}

/** Patterns that one filter can have: each is looked for in the name of every object. */
const mostPatterns = 1000

/**
 * Tests a text against a filter: true when the filter is absent, or one of its values, a regular expression or a plain part, is found in it. Malformed
 * expressions are plain parts only.
 * @throws invalidArgument for too many values; the function that is returned for an expression that takes too long
 */
export function patternMatcher(filters: Filters, key: string): (value: string) => boolean {
  const wanted = filters.get(key)
  if (!wanted || wanted.length === 0) return () => true
  if (wanted.length > mostPatterns)
    throw new Failure(
      "invalidArgument",
      `filter '${key}' has ${wanted.length} values: at most ${mostPatterns} are possible`,
    )
  const patterns = wanted.flatMap((text) => expressionOf(text) ?? [])
  const finds = (pattern: LinearPattern, value: string) => {
    try {
      return pattern.test(value)
    } catch (error) {
      throw new Failure("invalidArgument", `filter '${key}': ${messageOf(error)}`, error)
    }
  }
  return (value) => wanted.some((text) => value.includes(text)) || patterns.some((pattern) => finds(pattern, value))
}

function expressionOf(text: string): LinearPattern | undefined {
  try {
    return new LinearPattern(text)
  } catch {
    return undefined
  }
}

/** The instant of an `until` filter: seconds since the epoch, RFC 3339, or a Go duration before now. @throws invalidArgument */
export function untilOf(filters: Filters): bigint | undefined {
  const texts = filters.get("until")
  if (!texts || texts.length === 0) return undefined
  if (texts.length > 1) throw new Failure("invalidArgument", "more than one until filter specified")
  const text = texts[0]!
  if (/^\d+(\.\d+)?$/.test(text)) {
    const [seconds, fraction = ""] = text.split(".")
    return BigInt(seconds!) * 1_000_000_000n + BigInt(fraction.padEnd(9, "0").slice(0, 9))
  }
  const time = parseNanos(text)
  if (time !== undefined) return time
  const units: Record<string, number> = { h: 3600, m: 60, s: 1, ms: 0.001 }
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)]
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== text) {
    throw new Failure("invalidArgument", `failed to parse value as time or duration: "${text}"`)
  }
  const seconds = parts.reduce((sum, part) => sum + Number(part[1]) * units[part[2]!]!, 0)
  return BigInt(Math.round(Date.now() - seconds * 1000)) * 1_000_000n
}
