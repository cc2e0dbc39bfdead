import { humanSize } from "../../../std/byte-size.ts"
import { command, noArgs } from "../../command.ts"
import { confirm } from "../../confirm.ts"
import { filter, withFilter, withoutFilter } from "../../flags/filter.ts"
import { bool } from "../../flags/flag.ts"
import { imagesPruned } from "../../output/pruned.ts"
import { pruneFilters } from "../../prune-filters.ts"

export const prune = command({
  use: "prune [OPTIONS]",
  args: noArgs,
  flags: {
    all: bool("a", "Remove all unused images, not just dangling ones"),
    filter: filter("", ["dangling", "label", "label!", "until"], 'Provide filter values (e.g. "until=<timestamp>")'),
    force: bool("f", "Do not prompt for confirmation"),
  },
  run: async ({ flags, docker, out, config }) => {
    const which = flags.all ? "images without at least one container associated to them" : "dangling images"
    const question = `WARNING! This will remove all ${which}.\nAre you sure you want to continue?`
    if (!flags.force && !(await confirm(question, out))) return
    const filters = withFilter(
      withoutFilter(pruneFilters(config, flags.filter), "dangling"),
      "dangling",
      String(!flags.all),
    )
    const report = await docker.images.prune(filters)
    const text = imagesPruned(report)
    if (text) out.line(text)
    out.line(`Total reclaimed space: ${humanSize(report.SpaceReclaimed)}`)
  },
})
