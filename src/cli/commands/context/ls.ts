import { command, noArgs } from "../../command.ts"
import { bool } from "../../flags/flag.ts"
import { listFormat } from "../../flags/format.ts"
import { formatContexts } from "../../output/contexts.ts"

export const ls = command({
  use: "ls [OPTIONS]",
  args: noArgs,
  flags: { format: listFormat(), quiet: bool("q", "Only show context names") },
  run: async ({ flags, contexts, out, err }) => {
    out.write(formatContexts(contexts, { format: flags.format, quiet: flags.quiet }))
    if (process.env["DOCKER_HOST"])
      err.line(
        "Warning: DOCKER_HOST environment variable overrides the active context. To use a context, either set the global --context flag, or unset DOCKER_HOST environment variable.",
      )
  },
})
