import type { BuildPruneResponse } from "../../../api/system.ts"
import { humanSize } from "../../../std/byte-size.ts"
import { command, noArgs } from "../../command.ts"
import { confirm } from "../../confirm.ts"
import { filter } from "../../flags/filter.ts"
import { bool } from "../../flags/flag.ts"
import { bytes } from "../../flags/numbers.ts"
import { pruneFilters } from "../../prune-filters.ts"

export const prune = command({
  use: "prune",
  args: noArgs,
  flags: {
    all: bool("a", "Remove all unused build cache, not just dangling ones"),
    filter: filter("", ["id", "label", "parent", "type", "until"], 'Provide filter values (e.g. "until=24h")'),
    force: bool("f", "Do not prompt for confirmation"),
    "keep-storage": bytes("", "Amount of disk space to keep for cache"),
  },
  run: async ({ flags, docker, out, config }) => {
    const which = flags.all ? "all build cache" : "all dangling build cache"
    const question = `WARNING! This will remove ${which}. Are you sure you want to continue?`
    if (!flags.force && !(await confirm(question, out))) return
    const query = {
      all: flags.all,
      filters: pruneFilters(config, flags.filter),
      ...(flags["keep-storage"] ? { "keep-storage": flags["keep-storage"] } : {}),
    }
    const report = await docker.transport.json<BuildPruneResponse>("POST", "/build/prune", { query })
    const deleted = report.CachesDeleted ?? []
    if (deleted.length > 0) out.line(`Deleted build cache objects:\n${deleted.map((id) => `${id}\n`).join("")}`)
    out.line(`Total reclaimed space: ${humanSize(report.SpaceReclaimed)}`)
  },
})
