import type { CheckpointSummary } from "../../api/container.ts"
import { Subject } from "../../std/template/value.ts"
import { formatList } from "./list.ts"

/** The lines of `docker checkpoint ls`. */
export const formatCheckpoints = (list: readonly CheckpointSummary[]): string =>
  formatList(
    "table {{.Name}}",
    { Name: "CHECKPOINT NAME" },
    list.map(({ Name }) => new Subject("*checkpoint.checkpointContext", { Name: () => Name })),
  )
