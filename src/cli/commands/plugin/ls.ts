import { PluginsClient } from "../../../client/plugins.ts"
import { command, noArgs } from "../../command.ts"
import { filter } from "../../flags/filter.ts"
import { bool } from "../../flags/flag.ts"
import { listFormat } from "../../flags/format.ts"
import { formatPlugins } from "../../output/plugins.ts"

export const ls = command({
  use: "ls [OPTIONS]",
  args: noArgs,
  flags: {
    filter: filter("f", ["capability", "enabled"], 'Provide filter values (e.g. "enabled=true")'),
    format: listFormat(),
    "no-trunc": bool("", "Don't truncate output"),
    quiet: bool("q", "Only display plugin IDs"),
  },
  run: async ({ flags, docker, out, config }) => {
    const plugins = await new PluginsClient(docker.transport).list(flags.filter)
    const format = flags.format || (flags.quiet ? "" : (config.file.pluginsFormat ?? ""))
    out.write(formatPlugins(plugins, { format, quiet: flags.quiet, noTrunc: flags["no-trunc"] }))
  },
})
