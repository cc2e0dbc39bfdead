/** A whole number of 64 bits: a `number` while it is exact (below 2^53), a `bigint` above. `decodeJson` yields this. */
export type Int64 = number | bigint

/** The form of a 64-bit number that {@link Int64} says. */
export const narrowest = (value: bigint): Int64 =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(value) : value

/** The value that JSON can hold, as `decodeJson` returns it. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [key: string]: Json }

type RawJson = { rawJSON(text: string): unknown }
type ReviverContext = { readonly source?: string }

/** Prints a value as JSON; a `bigint` becomes an exact integer. */
export function encodeJson(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return JSON.stringify(value, (_key, item) =>
      typeof item === "bigint" ? (JSON as unknown as RawJson).rawJSON(item.toString()) : item,
    )
  }
}

/** What 64 bits may hold, with as many digits as that takes: to make something of a million of them takes seconds. */
const exactInteger = /^-?\d{16,20}$/

/** Parses JSON; integers that a `number` cannot hold exactly become a `bigint`. @throws SyntaxError */
export function decodeJson(text: string): Json {
  // The reviver is an order of magnitude slower: only texts that may have a long number pay for it. One within quotes is none.
  if (!/(?:^|[:,[\s])-?\d{16}/.test(text)) return JSON.parse(text) as Json
  const revive = (_key: string, value: unknown, context?: ReviverContext) => {
    if (typeof value !== "number" || Number.isSafeInteger(value)) return value
    return context?.source && exactInteger.test(context.source) ? BigInt(context.source) : value
  }
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown) as Json
}

/** As JSON.parse sets fields: a name never means an object's prototype. */
export function setField<T>(object: Record<string, T>, name: string, value: T): void {
  if (name !== "__proto__") object[name] = value
  else Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
}
