import { humanSize } from "../../../std/byte-size.ts"
import { command, Exit, noArgs } from "../../command.ts"
import { confirm } from "../../confirm.ts"
import { filter, withFilter } from "../../flags/filter.ts"
import { bool } from "../../flags/flag.ts"
import { volumesPruned } from "../../output/pruned.ts"
import { pruneFilters } from "../../prune-filters.ts"
import { prunesAnonymousOnly } from "../../prune-scope.ts"

export const prune = command({
  use: "prune [OPTIONS]",
  args: noArgs,
  flags: {
    all: bool("a", "Remove all unused volumes, not just anonymous ones"),
    filter: filter("", ["all", "label", "label!"], 'Provide filter values (e.g. "label=<label>")'),
    force: bool("f", "Do not prompt for confirmation"),
  },
  run: async ({ flags, docker, out, config }) => {
    const filters = pruneFilters(config, flags.filter)
    if (flags.all && filters.has("all"))
      throw new Exit(1, "conflicting options: cannot specify both --all and --filter all=1")
    const anonymous = !flags.all && (await prunesAnonymousOnly(docker))
    const which = anonymous ? "anonymous local volumes" : "all local volumes"
    const question = `WARNING! This will remove ${which} not used by at least one container.\nAre you sure you want to continue?`
    if (!flags.force && !(await confirm(question, out))) return
    const report = await docker.volumes.prune(flags.all ? withFilter(filters, "all", "true") : filters)
    const text = volumesPruned(report)
    if (text) out.line(text)
    out.line(`Total reclaimed space: ${humanSize(report.SpaceReclaimed)}`)
  },
})
