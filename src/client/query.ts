export type QueryValues = Readonly<
  Record<string, string | number | boolean | bigint | readonly string[] | ClientFilters | undefined>
>

/** Filters as they are sent: key → values. */
export type ClientFilters = ReadonlyMap<string, readonly string[]>

/**
 * The query of a request, with `?`; "" when it is empty. What is undefined, false, "" or an empty list is left out;
 * lists repeat the name; filters become JSON.
 */
export function queryText(values: QueryValues | undefined): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values ?? {})) {
    if (value === undefined || value === false || value === "") continue
    if (value instanceof Map) {
      if (value.size > 0) query.append(name, filtersText(value))
    } else if (Array.isArray(value)) {
      for (const item of value) query.append(name, item)
    } else {
      query.append(name, value === true ? "1" : String(value))
    }
  }
  const text = query.toString()
  return text && `?${text}`
}

/** Filters in the form that every version of the API reads: `{"key":{"value":true}}`. */
const filtersText = (filters: ClientFilters) =>
  JSON.stringify(
    Object.fromEntries(
      [...filters].map(([key, values]) => [key, Object.fromEntries(values.map((value) => [value, true]))]),
    ),
  )
