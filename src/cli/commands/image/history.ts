import { command, exactly } from "../../command.ts"
import { bool } from "../../flags/flag.ts"
import { listFormat } from "../../flags/format.ts"
import { formatHistory } from "../../output/history.ts"

export const history = command({
  use: "history [OPTIONS] IMAGE",
  args: exactly(1),
  complete: "images",
  flags: {
    format: listFormat(),
    human: bool("H", "Print sizes and dates in human readable format", true),
    "no-trunc": bool("", "Don't truncate output"),
    quiet: bool("q", "Only show image IDs"),
  },
  run: async ({ args, flags, docker, out }) => {
    out.write(formatHistory(await docker.images.history(args[0]!), { ...flags, noTrunc: flags["no-trunc"] }))
  },
})
