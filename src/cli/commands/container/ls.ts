import { command, noArgs } from "../../command.ts"
import { filter } from "../../flags/filter.ts"
import { bool } from "../../flags/flag.ts"
import { listFormat } from "../../flags/format.ts"
import { int } from "../../flags/numbers.ts"
import { formatContainers, formatShowsSize } from "../../output/containers.ts"

export const ls = command({
  use: "ls [OPTIONS]",
  args: noArgs,
  flags: {
    all: bool("a", "Show all containers (default shows just running)"),
    filter: filter("f", [
      "ancestor",
      "before",
      "exited",
      "expose",
      "health",
      "id",
      "isolation",
      "is-task",
      "label",
      "name",
      "network",
      "publish",
      "since",
      "status",
      "volume",
    ]),
    format: listFormat(),
    last: int("n", "Show n last created containers (includes all states)", -1),
    latest: bool("l", "Show the latest created container (includes all states)"),
    "no-trunc": bool("", "Don't truncate output"),
    quiet: bool("q", "Only display container IDs"),
    size: bool("s", "Display total file sizes"),
  },
  run: async ({ flags, docker, out, err, config }) => {
    if (flags.format && flags.quiet)
      err.line("WARNING: Ignoring custom format, because both --format and --quiet are set.")
    const format = flags.format || (flags.quiet ? "" : (config.file.psFormat ?? ""))
    const size = flags.size || (!flags.quiet && format !== "" && formatShowsSize(format))
    const limit = flags.latest ? 1 : flags.last
    const list = await docker.containers.list({
      all: flags.all || limit > 0,
      size,
      ...(limit > 0 ? { limit } : {}),
      filters: flags.filter,
    })
    out.write(formatContainers(list, { format, quiet: flags.quiet, noTrunc: flags["no-trunc"], size }))
  },
})
