import { atLeast, command, Exit } from "../../command.ts"
import { text } from "../../flags/flag.ts"
import { platformFlag, platformQuery } from "../../flags/platform.ts"
import { outputFile } from "../../output-file.ts"

export const save = command({
  use: "save [OPTIONS] IMAGE [IMAGE...]",
  args: atLeast(1),
  complete: "images",
  flags: {
    output: text("o", "Write to a file, instead of STDOUT"),
    platform: platformFlag(
      'Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    ),
  },
  run: async ({ args, flags, docker, out }) => {
    const platform = platformQuery(flags.platform)
    if (!flags.output && out.isTerminal)
      throw new Exit(1, "cowardly refusing to save to a terminal. Use the -o flag or redirect")
    const file = flags.output ? outputFile(flags.output, "failed to save image") : undefined
    const archive = await docker.images.save(args, platform ? { platform: [platform] } : {})
    if (file) await file.write(archive)
    else for await (const bytes of archive) await out.stream(bytes)
  },
})
