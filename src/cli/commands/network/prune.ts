import { NetworksClient } from "../../../client/networks.ts"
import { command, noArgs } from "../../command.ts"
import { confirm } from "../../confirm.ts"
import { filter } from "../../flags/filter.ts"
import { bool } from "../../flags/flag.ts"
import { networksPruned } from "../../output/pruned.ts"
import { pruneFilters } from "../../prune-filters.ts"

export const prune = command({
  use: "prune [OPTIONS]",
  args: noArgs,
  flags: {
    filter: filter("", ["label", "label!", "until"], 'Provide filter values (e.g. "until=<timestamp>")'),
    force: bool("f", "Do not prompt for confirmation"),
  },
  run: async ({ flags, docker, out, config }) => {
    const question =
      "WARNING! This will remove all custom networks not used by at least one container.\nAre you sure you want to continue?"
    if (!flags.force && !(await confirm(question, out))) return
    const text = networksPruned(await new NetworksClient(docker.transport).prune(pruneFilters(config, flags.filter)))
    if (text) out.line(text)
  },
})
