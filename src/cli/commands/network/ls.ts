import { NetworksClient } from "../../../client/networks.ts"
import { command, noArgs } from "../../command.ts"
import { filter } from "../../flags/filter.ts"
import { bool } from "../../flags/flag.ts"
import { listFormat } from "../../flags/format.ts"
import { formatNetworks } from "../../output/networks.ts"

export const ls = command({
  use: "ls [OPTIONS]",
  args: noArgs,
  flags: {
    filter: filter(
      "f",
      ["driver", "id", "label", "name", "scope", "type"],
      'Provide filter values (e.g. "driver=bridge")',
    ),
    format: listFormat(),
    "no-trunc": bool("", "Do not truncate the output"),
    quiet: bool("q", "Only display network IDs"),
  },
  run: async ({ flags, docker, out, config }) => {
    const networks = await new NetworksClient(docker.transport).list(flags.filter)
    const format = flags.format || (flags.quiet ? "" : (config.file.networksFormat ?? ""))
    out.write(formatNetworks(networks, { format, quiet: flags.quiet, noTrunc: flags["no-trunc"] }))
  },
})
