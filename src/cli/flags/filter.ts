import type { ClientFilters } from "../../client/query.ts"
import { custom, type Flag } from "./flag.ts"

/**
 * Filters `name=value`, given any number of times. Names are in lower case.
 * @param names what can be filtered by, for completion
 */
export const filter = (
  short: string,
  names: readonly string[],
  usage = "Filter output based on conditions provided",
): Flag<ClientFilters> =>
  custom<ClientFilters>(
    short,
    usage,
    "filter",
    new Map(),
    (word, before) => {
      if (word === "") return before
      const equals = word.indexOf("=")
      if (equals < 0) throw new Error("bad format of filter (expected name=value)")
      return withFilter(before, word.slice(0, equals).trim().toLowerCase(), word.slice(equals + 1).trim())
    },
    { words: names.map((name) => `${name}=`) },
  )

/** The filters and one more value. */
export const withFilter = (filters: ClientFilters, name: string, value: string): ClientFilters =>
  new Map([...filters, [name, [...(filters.get(name) ?? []), value]]])

/** The filters without one name. */
export const withoutFilter = (filters: ClientFilters, name: string): ClientFilters =>
  new Map([...filters].filter(([each]) => each !== name))
