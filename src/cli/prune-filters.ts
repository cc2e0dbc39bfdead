import type { ClientFilters } from "../client/query.ts"
import { cut } from "../flag-values/words.ts"
import type { ClientConfig } from "./client-config.ts"
import { withFilter } from "./flags/filter.ts"

/**
 * The filters of a prune command together with `pruneFilters` of config.json. A label that was asked for on the command line
 * wins over its opposite in the file.
 */
export function pruneFilters(config: ClientConfig, given: ClientFilters): ClientFilters {
  let filters = given
  for (const word of config.file.pruneFilters ?? []) {
    const [name, value] = cut(word, "=")
    const opposite = { label: "label!", "label!": "label" }[name]
    if (value === undefined || (opposite && filters.get(opposite)?.includes(value))) continue
    filters = withFilter(filters, name, value)
  }
  return filters
}
