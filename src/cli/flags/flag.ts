import { csvFields, cut } from "../../flag-values/words.ts"
import { parseBool } from "../../std/strconv.ts"

/** One flag of a command: how it is written, what it means, what it parses to. */
export interface Flag<T> {
  /** One letter, or "" when it has none. */
  readonly short: string
  readonly usage: string
  /** The word shown after the name in help; "" for switches. */
  readonly type: string
  /** The value when the flag is not given. */
  readonly initial: T
  /** What help shows as `(default …)`. */
  readonly shownDefault?: string
  /** The text meant when the flag is written without a value; without it a value is required. */
  readonly bare?: string
  /** Accepted, but not shown in help. */
  readonly hidden?: boolean
  /** Only for daemons with experimental features. */
  readonly experimental?: boolean
  /** Words that may be its value, for completion; those that end with "=" want more behind them. */
  readonly words?: readonly string[]
  /** Another spelling of the flag of that name. */
  readonly spelling?: string
  /** The value after one more occurrence. @throws Error whose message says what is wrong with `text` */
  parse(text: string, before: T): T
}

export type Flags = Readonly<Record<string, Flag<unknown>>>

export type Values<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never }

/** What may differ between flags of one type. */
export interface Options {
  readonly words?: readonly string[]
  readonly hidden?: boolean
  readonly experimental?: boolean
  readonly shownDefault?: string
}

/** A text, the last one given; "" when none. */
export const text = (short: string, usage: string, initial = "", options: Options = {}): Flag<string> => ({
  short,
  usage,
  type: "string",
  initial,
  ...(initial ? { shownDefault: `"${initial}"` } : {}),
  ...options,
  parse: (value) => value,
})

/** A switch: `--name`, `--name=false`. */
export const bool = (short: string, usage: string, initial = false, options: Options = {}): Flag<boolean> => ({
  short,
  usage,
  type: "",
  initial,
  bare: "true",
  ...(initial ? { shownDefault: "true" } : {}),
  ...options,
  parse: parseBool,
})

/** Every text given, in order. `check` returns what is kept of one, or throws. */
export const list = (
  short: string,
  usage: string,
  check: (value: string) => string = (value) => value,
  options: Options & { readonly type?: string } = {},
): Flag<readonly string[]> => ({
  short,
  usage,
  type: "list",
  initial: [],
  ...options,
  parse: (value, before) => [...before, check(value)],
})

/** Every text given, in order; one occurrence may hold several, with commas in between. */
export const texts = (short: string, usage: string, options: Options = {}): Flag<readonly string[]> => ({
  short,
  usage,
  type: "strings",
  initial: [],
  ...options,
  parse: (value, before) => [...before, ...(value === "" ? [] : csvFields(value))],
})

export type Pairs = Readonly<Record<string, string>>

/** `key=value` pairs; a key alone has an empty value. */
export const pairs = (short: string, usage: string): Flag<Pairs> => ({
  short,
  usage,
  type: "map",
  initial: {},
  shownDefault: "map[]",
  parse: (word, before) => {
    const [key, value] = cut(word, "=")
    return { ...before, [key]: value ?? "" }
  },
})

/** Values that a parser of one's own makes. */
export const custom = <T>(
  short: string,
  usage: string,
  type: string,
  initial: T,
  parse: (text: string, before: T) => T,
  options: Options = {},
): Flag<T> => ({ short, usage, type, initial, ...options, parse })

/** Another, undocumented spelling of `flag`, which is called `name`. */
export const spellingOf = <T>(name: string, flag: Flag<T>): Flag<T> => ({
  ...flag,
  short: "",
  hidden: true,
  spelling: name,
})
