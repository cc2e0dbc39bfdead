import type { ImageHistoryItem } from "../../api/image.ts"
import { humanSize } from "../../std/byte-size.ts"
import { ago } from "../../std/duration.ts"
import { shortId } from "../../std/id.ts"
import { Subject } from "../../std/template/value.ts"
import { formatList, type Headings } from "./list.ts"
import { localRfc3339 } from "./local-time.ts"
import { ellipsis } from "./text-width.ts"

export interface HistoryOptions {
  /** `table`, `table TEMPLATE`, `json` or a template; the default is `table`. */
  readonly format?: string
  /** IDs only. */
  readonly quiet?: boolean
  readonly noTrunc?: boolean
  /** Sizes and times for people; otherwise bytes and RFC 3339. */
  readonly human: boolean
}

const headings: Headings = {
  ID: "IMAGE",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  CreatedBy: "CREATED BY",
  Size: "SIZE",
  Comment: "COMMENT",
}

/** The lines of `docker history`. @throws Failure invalidArgument when the template cannot be parsed or executed */
export function formatHistory(list: readonly ImageHistoryItem[], options: HistoryOptions): string {
  const { format = "table", quiet, noTrunc, human } = options
  let template = format
  if (format === "" || format === "table") {
    const created = human ? "CreatedSince" : "CreatedAt"
    template = quiet ? "{{.ID}}" : `table {{.ID}}\t{{.${created}}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`
  }
  const rows = list.map(
    (entry) =>
      new Subject("*image.historyContext", {
        ID: () => (noTrunc ? entry.Id : shortId(entry.Id)),
        CreatedAt: () => localRfc3339(entry.Created),
        CreatedSince: () => {
          if (!human) return localRfc3339(entry.Created)
          return entry.Created > 0 ? ago(entry.Created) : "N/A"
        },
        CreatedBy: () => {
          const line = entry.CreatedBy.replaceAll("\t", " ")
          return noTrunc ? line : ellipsis(line, 45)
        },
        Size: () => (human ? humanSize(entry.Size, 3) : String(entry.Size)),
        Comment: () => entry.Comment,
      }),
  )
  return formatList(template, headings, rows)
}
