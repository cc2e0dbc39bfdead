import { command, exactly } from "../../command.ts"
import { bool } from "../../flags/flag.ts"
import { listFormat } from "../../flags/format.ts"
import { platformFlag, platformQuery } from "../../flags/platform.ts"
import { formatHistory } from "../../output/history.ts"

export const history = command({
  use: "history [OPTIONS] IMAGE",
  args: exactly(1),
  complete: "images",
  flags: {
    format: listFormat(),
    human: bool("H", "Print sizes and dates in human readable format", true),
    "no-trunc": bool("", "Don't truncate output"),
    platform: platformFlag(
      'Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    ),
    quiet: bool("q", "Only show image IDs"),
  },
  run: async ({ args, flags, docker, out }) => {
    const platform = platformQuery(flags.platform)
    const history = await docker.images.history(args[0]!, platform ? { platform } : {})
    out.write(formatHistory(history, { ...flags, noTrunc: flags["no-trunc"] }))
  },
})
