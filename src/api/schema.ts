import { Failure } from "../errors/failure.ts"
import { type Int64, type Json, setField } from "../std/json.ts"
import { sortedInTurns } from "../std/sorted.ts"
import { Turns } from "../std/turns.ts"

/**
 * How one value of a request body is read. Docker's clients were written against a decoder that matches names in any case, of
 * which the last one counts, ignores unknown fields and gives absent ones their zero value; schemas do the same, so that what inspect echoes is right.
 */
export interface Schema<T> {
  /** The type as Docker's error messages name it. */
  readonly type: string
  /** The value of an absent or `null` field; `undefined` leaves the field out. */
  readonly zero: () => T | undefined
  /** @param at where, for the message. @throws Failure invalidArgument */
  readonly read: (value: Exclude<Json, null>, at: string) => T
  /** As `read`; others get their turn meanwhile. Absent where `read` takes no time. */
  readonly readInTurns?: (value: Exclude<Json, null>, at: string, turns: Turns) => Promise<T>
}

/** Entries of a list or map where nothing else is said: each may cost the daemon's thread some hundred microseconds. */
const few = 1000
/** Entries of lists that programs fill: arguments, variables, and ports, of which there are no more. */
export const many = 65_536

type Fields<T> = { readonly [Key in keyof T]-?: Schema<T[Key]> }

/** A schema of an object. */
export interface StructSchema<T> extends Schema<T> {
  /** In lower case, the fields of which one must be given for an object to be more than its zero value. */
  readonly fields: ReadonlySet<string>
}

/** Reads `value` by `schema`; `null` is its zero value. @throws Failure invalidArgument */
export const readBody = <T>(schema: Schema<T>, value: Json): T =>
  value === null ? (schema.zero() as T) : schema.read(value, "")

/** As `readBody`, for a body that may be long: others get their turn meanwhile. @throws Failure invalidArgument */
export const readBodyInTurns = async <T>(schema: Schema<T>, value: Json): Promise<T> =>
  value === null ? (schema.zero() as T) : await readOne(schema, value, "", new Turns())

/** Without a promise where there is nothing to wait for: lists have tens of thousands of items. */
const readOne = <T>(schema: Schema<T>, value: Exclude<Json, null>, at: string, turns: Turns): T | Promise<T> =>
  schema.readInTurns ? schema.readInTurns(value, at, turns) : schema.read(value, at)

function mismatch(value: Json, at: string, type: string): Failure {
  const kind = Array.isArray(value)
    ? "array"
    : typeof value === "boolean"
      ? "bool"
      : typeof value === "bigint"
        ? "number"
        : typeof value
  const where = at.includes(".") ? `struct field ${at}` : "value"
  return new Failure("invalidArgument", `invalid JSON: json: cannot unmarshal ${kind} into Go ${where} of type ${type}`)
}

/** Text for the daemon itself: labels, comments. */
export const freeText: Schema<string> = {
  type: "string",
  zero: () => "",
  read(value, at) {
    if (typeof value !== "string") throw mismatch(value, at, "string")
    return value
  },
}

/** Text that may reach the kernel or a runtime, where a NUL would end it early and make it mean something else. */
export const text: Schema<string> = {
  ...freeText,
  read(value, at) {
    const read = freeText.read(value, at)
    if (read.includes("\0")) throw new Failure("invalidArgument", `invalid JSON: ${at || "the value"} contains a NUL`)
    return read
  },
}

/** Text that is one of a few words; which ones is checked by whoever uses it. */
export const word = <T extends string>(): Schema<T> => text as Schema<T>

export const flag: Schema<boolean> = {
  type: "bool",
  zero: () => false,
  read(value, at) {
    if (typeof value !== "boolean") throw mismatch(value, at, "bool")
    return value
  },
}

const wholeNumber = (type: string, lowest: bigint, highest: bigint): Schema<Int64> => ({
  type,
  zero: () => 0,
  read(value, at) {
    if (typeof value !== "bigint" && typeof value !== "number") throw mismatch(value, at, type)
    const whole = typeof value === "bigint" || Number.isInteger(value)
    if (!whole || value < lowest || value > highest)
      throw new Failure(
        "invalidArgument",
        `invalid JSON: json: cannot unmarshal number ${value} into Go struct field ${at} of type ${type}`,
      )
    return value
  },
})

/** A whole number that may need 64 bits. */
export const int64 = wholeNumber("int64", -(2n ** 63n), 2n ** 63n - 1n)
export const uint64 = wholeNumber("uint64", 0n, 2n ** 64n - 1n)
/** Whole numbers that a `number` holds exactly. */
export const integer = wholeNumber("int", -(2n ** 53n), 2n ** 53n) as Schema<number>
export const uint16 = wholeNumber("uint16", 0n, 65535n) as Schema<number>
export const uint32 = wholeNumber("uint32", 0n, 2n ** 32n - 1n) as Schema<number>

/** An object whose content does not matter. */
export const emptyObject: Schema<object> = {
  type: "struct {}",
  zero: () => ({}),
  read(value, at) {
    if (typeof value !== "object" || Array.isArray(value)) throw mismatch(value, at, "struct {}")
    return {}
  },
}

function checkCount(count: number, most: number, at: string): void {
  if (count > most)
    throw new Failure("invalidArgument", `invalid JSON: ${at} has ${count} entries: at most ${most} are possible`)
}

/** A list; absent it is `null`. @param most how many items it may have */
export function list<T>(item: Schema<T>, most = few): Schema<readonly T[] | null> {
  const type = `[]${item.type}`
  const items = (value: Json, at: string): readonly Json[] => {
    if (!Array.isArray(value)) throw mismatch(value, at, type)
    checkCount(value.length, most, at)
    return value
  }
  return {
    type,
    zero: () => null,
    read: (value, at) => items(value, at).map((one) => (one === null ? (item.zero() as T) : item.read(one, at))),
    async readInTurns(value, at, turns) {
      const result: T[] = []
      for (const one of items(value, at)) {
        const read = one === null ? (item.zero() as T) : readOne(item, one, at, turns)
        result.push(read instanceof Promise ? await read : read)
        if (result.length % turnLength === 0) await turns.pass()
      }
      return result
    },
  }
}

/** After how many entries it is time to look at the clock. */
const turnLength = 64

const manyTexts = list(text, many)

/** A list of words, for which one word alone may be written. */
export const words: Schema<readonly string[] | null> = {
  type: "strslice.StrSlice",
  zero: () => null,
  read: (value, at) => (typeof value === "string" ? [value] : manyTexts.read(value, at)),
  readInTurns: async (value, at, turns) =>
    typeof value === "string" ? [value] : await manyTexts.readInTurns!(value, at, turns),
}

/** Height and width. */
export const size: Schema<readonly [number, number]> = {
  type: "[2]uint",
  zero: () => [0, 0],
  read(value, at) {
    if (!Array.isArray(value)) throw mismatch(value, at, "[2]uint")
    const [height = 0, width = 0] = list(uint32).read(value, at)!
    return [height, width]
  },
}

/** A map of names to values, by name; absent it is `null`. @param most how many it may have */
export function map<T>(item: Schema<T>, most = few): Schema<Readonly<Record<string, T>> | null> {
  const type = `map[string]${item.type}`
  const names = (value: Json, at: string): string[] => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw mismatch(value, at, type)
    const found = Object.keys(value)
    checkCount(found.length, most, at)
    return found
  }
  const isFree = (item as Schema<unknown>) === freeText
  const nameOf = (key: string, at: string): string => (isFree ? key : text.read(key, at))
  return {
    type,
    zero: () => null,
    read(value, at) {
      const given = value as Readonly<Record<string, Json>>
      const result: Record<string, T> = {}
      for (const key of names(value, at).sort()) {
        const one = given[key]!
        setField(result, nameOf(key, at), one === null ? (item.zero() as T) : item.read(one, at))
      }
      return result
    },
    async readInTurns(value, at, turns) {
      const given = value as Readonly<Record<string, Json>>
      const result: Record<string, T> = {}
      let count = 0
      for (const key of await sortedInTurns(names(value, at), turns)) {
        const one = given[key]!
        const read = one === null ? (item.zero() as T) : readOne(item, one, at, turns)
        setField(result, nameOf(key, at), read instanceof Promise ? await read : read)
        if (++count % turnLength === 0) await turns.pass()
      }
      return result
    },
  }
}

/** A field that is left out when absent or `null`. */
export const optional = <T>(schema: Schema<T>): Schema<T> => ({ ...schema, zero: () => undefined })

/** A field that is `null` when absent. */
export const nullable = <T>(schema: Schema<T>): Schema<T | null> => ({ ...schema, zero: () => null })

/** A field that is left out when absent, zero or empty. */
export function omitEmpty<T>(schema: Schema<T | null>): Schema<T | undefined> {
  const unlessEmpty = (read: T | null): T | undefined => {
    const empty =
      !read || (typeof read === "object" && (Array.isArray(read) ? read.length : Object.keys(read).length) === 0)
    return empty ? undefined : (read as T)
  }
  const { readInTurns } = schema
  return {
    type: schema.type,
    zero: () => undefined,
    read: (value, at) => unlessEmpty(schema.read(value, at)),
    ...(readInTurns
      ? { readInTurns: async (value, at, turns) => unlessEmpty(await readInTurns(value, at, turns)) }
      : {}),
  }
}

/** An object with known fields, every one of them present in the result unless its zero value is to be left out. */
export function struct<T extends object>(type: string, fields: Fields<T>): StructSchema<T> {
  const entries = Object.entries(fields) as [string, Schema<unknown>][]
  const byLowerCase = new Map(entries.map(([name]) => [name.toLowerCase(), name]))
  const foundIn = (given: Record<string, Json>): ReadonlyMap<string, Json> => {
    const found = new Map<string, Json>()
    for (const [key, value] of Object.entries(given)) {
      const name = byLowerCase.get(key.toLowerCase())
      if (name) found.set(name, value)
    }
    return found
  }
  const fill = (given: Record<string, Json>, at: string): T => {
    const found = foundIn(given)
    const result: Record<string, unknown> = {}
    for (const [name, schema] of entries) {
      const value = found.get(name)
      const read = value === undefined || value === null ? schema.zero() : schema.read(value, `${at || type}.${name}`)
      if (read !== undefined) result[name] = read
    }
    return result as T
  }
  const objectOf = (value: Exclude<Json, null>, at: string): Record<string, Json> => {
    if (typeof value !== "object" || Array.isArray(value)) throw mismatch(value, at, type)
    return value as Record<string, Json>
  }
  return {
    type,
    fields: new Set(byLowerCase.keys()),
    zero: () => fill({}, ""),
    read: (value, at) => fill(objectOf(value, at), at),
    async readInTurns(value, at, turns) {
      const found = foundIn(objectOf(value, at))
      const result: Record<string, unknown> = {}
      for (const [name, schema] of entries) {
        const value = found.get(name)
        const path = `${at || type}.${name}`
        const read = value === undefined || value === null ? schema.zero() : await readOne(schema, value, path, turns)
        if (read !== undefined) result[name] = read
      }
      return result as T
    },
  }
}
