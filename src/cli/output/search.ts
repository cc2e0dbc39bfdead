import type { SearchResult } from "../../api/image.ts"
import { Subject } from "../../std/template/value.ts"
import { formatList, type Headings } from "./list.ts"
import { ellipsis } from "./text-width.ts"

const headings: Headings = {
  Name: "NAME",
  Description: "DESCRIPTION",
  StarCount: "STARS",
  IsOfficial: "OFFICIAL",
  IsAutomated: "AUTOMATED",
}

/** The lines of `docker search`, best known first. @throws Failure invalidArgument for a bad template */
export function formatSearch(list: readonly SearchResult[], options: { format?: string; noTrunc?: boolean }): string {
  const { format = "table", noTrunc } = options
  const columns = "table {{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}"
  const template = format === "" || format === "table" ? columns : format
  const mark = (is: boolean) => (is ? "[OK]" : "")
  const rows = [...list]
    .sort((one, other) => other.star_count - one.star_count)
    .map(
      (result) =>
        new Subject("*search.searchContext", {
          Name: () => result.name,
          Description: () => {
            const line = result.description.replace(/[\r\n]+/g, " ")
            return noTrunc ? line : ellipsis(line, 45)
          },
          StarCount: () => String(result.star_count),
          IsOfficial: () => mark(result.is_official),
          IsAutomated: () => mark(result.is_automated),
        }),
    )
  return formatList(template, headings, rows)
}
