import { humanSize } from "../../../std/byte-size.ts"
import { command, noArgs } from "../../command.ts"
import { confirm } from "../../confirm.ts"
import { filter } from "../../flags/filter.ts"
import { bool } from "../../flags/flag.ts"
import { pruneFilters } from "../../prune-filters.ts"

export const prune = command({
  use: "prune [OPTIONS]",
  args: noArgs,
  flags: {
    filter: filter("", ["label", "label!", "until"], 'Provide filter values (e.g. "until=<timestamp>")'),
    force: bool("f", "Do not prompt for confirmation"),
  },
  run: async ({ flags, docker, out, config }) => {
    const question = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue?"
    if (!flags.force && !(await confirm(question, out))) return
    const { ContainersDeleted, SpaceReclaimed } = await docker.containers.prune(pruneFilters(config, flags.filter))
    if (ContainersDeleted && ContainersDeleted.length > 0)
      out.line(`Deleted Containers:\n${ContainersDeleted.join("\n")}\n`)
    out.line(`Total reclaimed space: ${humanSize(SpaceReclaimed)}`)
  },
})
