import { command, Exit, exactly } from "../../command.ts"
import { text } from "../../flags/flag.ts"
import { outputFile } from "../../output-file.ts"

export const exportTree = command({
  use: "export [OPTIONS] CONTAINER",
  args: exactly(1),
  complete: "containers",
  flags: { output: text("o", "Write to a file, instead of STDOUT") },
  run: async ({ args, flags, docker, out }) => {
    if (!flags.output && out.isTerminal) {
      throw new Exit(1, "cowardly refusing to save to a terminal. Use the -o flag or redirect")
    }
    const file = flags.output ? outputFile(flags.output, "failed to export container") : undefined
    const tar = await docker.containers.export(args[0]!)
    if (file) await file.write(tar)
    else for await (const bytes of tar) await out.stream(bytes)
  },
})
