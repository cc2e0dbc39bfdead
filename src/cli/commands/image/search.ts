import { searchImages } from "../../../client/registry.ts"
import { command, exactly } from "../../command.ts"
import { filter } from "../../flags/filter.ts"
import { bool, text } from "../../flags/flag.ts"
import { int } from "../../flags/numbers.ts"
import { formatSearch } from "../../output/search.ts"

export const search = command({
  use: "search [OPTIONS] TERM",
  args: exactly(1),
  flags: {
    filter: filter("f", ["is-automated", "is-official", "stars"]),
    format: text("", "Pretty-print search using a Go template"),
    limit: int("", "Max number of search results"),
    "no-trunc": bool("", "Don't truncate output"),
  },
  run: async ({ args, flags, docker, out }) => {
    const query = { term: args[0]!, filters: flags.filter, ...(flags.limit ? { limit: flags.limit } : {}) }
    const found = await searchImages(docker.transport, query)
    out.write(formatSearch(found, { format: flags.format, noTrunc: flags["no-trunc"] }))
  },
})
