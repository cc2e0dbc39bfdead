import { type Filters, parseFilters } from "../../api/filters.ts"
import { Failure } from "../../errors/failure.ts"
import { decodeJson } from "../../std/json.ts"

/** How one parameter of the query is read: all its values, in order. @throws Failure invalidArgument */
export type QueryField<T> = (values: readonly string[], name: string) => T

export type QuerySchema<T> = { readonly [Key in keyof T]-?: QueryField<T[Key]> }

/** The parameters of a query, each with all its values. */
export type QueryValues = ReadonlyMap<string, readonly string[]>

/** Splits a query string. @throws Failure invalidArgument for a bad escape */
export function parseQuery(query: string): QueryValues {
  const values = new Map<string, string[]>()
  if (query === "") return values
  for (const pair of query.split("&")) {
    if (pair === "") continue
    const cut = pair.indexOf("=")
    const name = unescapeQuery(cut < 0 ? pair : pair.slice(0, cut))
    const value = cut < 0 ? "" : unescapeQuery(pair.slice(cut + 1))
    const before = values.get(name)
    if (before) before.push(value)
    else values.set(name, [value])
  }
  return values
}

function unescapeQuery(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "))
  } catch (error) {
    throw new Failure("invalidArgument", `invalid URL escape in the query: ${JSON.stringify(text)}`, error)
  }
}

/** Reads a query by its schema. Parameters nobody asked for are ignored, as Docker does. */
export function readQuery<T>(schema: QuerySchema<T>, values: QueryValues): T {
  const read: Record<string, unknown> = {}
  for (const name in schema) read[name] = schema[name](values.get(name) ?? [], name)
  return read as T
}

const isFalse = /^(|0|no|false|none)$/i

/** On or off: `"" 0 no false none` are off, anything else is on. */
export const flag =
  (absent = false): QueryField<boolean> =>
  ([value]) =>
    value === undefined ? absent : !isFalse.test(value.trim())

/** Off, whatever the client sends: said by `compat` for clients of versions that meant it. */
export const fromCompat: QueryField<boolean> = () => false

/** Text; absent or empty is `undefined`. */
export const text: QueryField<string | undefined> = ([value]) => (value === "" ? undefined : value)

/** Text with a value for when it is absent or empty. */
export const textOr =
  (absent: string): QueryField<string> =>
  ([value]) =>
    value || absent

/** Every value of a repeated parameter. */
export const repeated: QueryField<readonly string[]> = (values) => values

/** A whole number; absent or empty is `undefined`. */
export const integer: QueryField<number | undefined> = ([value]) => {
  if (value === undefined || value === "") return undefined
  if (!/^[+-]?\d+$/.test(value)) throw badNumber(value, "invalid syntax")
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw badNumber(value, "value out of range")
  return number
}

const badNumber = (value: string, why: string) =>
  new Failure("invalidArgument", `strconv.Atoi: parsing ${JSON.stringify(value)}: ${why}`)

/** Cells of a terminal: `h` and `w`, 32 bits. */
export const cells =
  (what: "height" | "width"): QueryField<number> =>
  ([value = ""]) => {
    const bad = (why: string) =>
      new Failure("invalidArgument", `invalid resize ${what} ${JSON.stringify(value)}: ${why}`)
    if (!/^[+-]?\d+$/.test(value)) throw bad("invalid syntax")
    const number = Number(value)
    if (number < 0 || number >= 2 ** 32) throw bad("value out of range")
    return number
  }

/** `seconds[.nanoseconds]` since the epoch as nanoseconds; absent or empty is `undefined`. */
export const timestamp: QueryField<bigint | undefined> = ([value], name) => {
  if (value === undefined || value === "") return undefined
  const match = /^(-?\d{1,12})(?:\.(\d{1,9}))?$/.exec(value)
  if (!match)
    throw new Failure(
      "invalidArgument",
      `invalid value for "${name}": failed to parse value as time: ${JSON.stringify(value)}`,
    )
  return BigInt(match[1]!) * 1_000_000_000n + BigInt((match[2] ?? "").padEnd(9, "0"))
}

/** `filters`, in both of its forms. @param known the keys that are accepted; all when none is named */
export const filters =
  (...known: readonly string[]): QueryField<Filters> =>
  ([value]) =>
    parseFilters(value, known.length > 0 ? known : undefined)

/** A platform, as `os/arch[/variant]` or as the JSON object of newer clients. */
export const platform: QueryField<string | undefined> = ([value]) => (value ? platformText(value) : undefined)

export const platforms: QueryField<readonly string[]> = (values) => values.filter((one) => one !== "").map(platformText)

function platformText(value: string): string {
  if (!value.startsWith("{")) return value
  try {
    const parsed = decodeJson(value) as { os?: unknown; architecture?: unknown; variant?: unknown }
    if (typeof parsed.os === "string" && typeof parsed.architecture === "string")
      return [parsed.os, parsed.architecture, parsed.variant].filter(Boolean).join("/")
  } catch (error) {
    throw new Failure("invalidArgument", `failed to parse platform: ${(error as Error).message}`, error)
  }
  throw new Failure("invalidArgument", "both OS and Architecture must be provided")
}
