import { command, noArgs } from "../../command.ts"
import { filter } from "../../flags/filter.ts"
import { bool } from "../../flags/flag.ts"
import { listFormat } from "../../flags/format.ts"
import { formatVolumes } from "../../output/volumes.ts"

export const ls = command({
  use: "ls [OPTIONS]",
  args: noArgs,
  flags: {
    filter: filter("f", ["dangling", "driver", "label", "name"], 'Provide filter values (e.g. "dangling=true")'),
    format: listFormat(),
    quiet: bool("q", "Only display volume names"),
  },
  run: async ({ flags, docker, out, config }) => {
    const { Volumes } = await docker.volumes.list(flags.filter)
    const format = flags.format || (flags.quiet ? "" : (config.file.volumesFormat ?? ""))
    out.write(formatVolumes(Volumes ?? [], { format, quiet: flags.quiet }))
  },
})
