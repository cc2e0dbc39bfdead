import { atLeast, command, Exit } from "../../command.ts"
import { text } from "../../flags/flag.ts"
import { platformQueries, platformsFlag } from "../../flags/platform.ts"
import { outputFile } from "../../output-file.ts"

export const save = command({
  use: "save [OPTIONS] IMAGE [IMAGE...]",
  args: atLeast(1),
  complete: "images",
  flags: {
    output: text("o", "Write to a file, instead of STDOUT"),
    platform: platformsFlag(
      'Save only the given platform(s). Formatted as a comma-separated list of "os[/arch[/variant]]" (e.g., "linux/amd64,linux/arm64/v8")',
    ),
  },
  run: async ({ args, flags, docker, out }) => {
    const platform = platformQueries(flags.platform)
    if (!flags.output && out.isTerminal)
      throw new Exit(1, "cowardly refusing to save to a terminal. Use the -o flag or redirect")
    const file = flags.output ? outputFile(flags.output, "failed to save image") : undefined
    const archive = await docker.images.save(args, platform.length > 0 ? { platform } : {})
    if (file) await file.write(archive)
    else for await (const bytes of archive) await out.stream(bytes)
  },
})
