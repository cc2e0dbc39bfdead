import { createWriteStream, renameSync, rmSync } from "node:fs"
import { pipeline } from "node:stream/promises"
import { command, Exit, exactly } from "../../command.ts"
import { text } from "../../flags/flag.ts"

export const exportTree = command({
  use: "export [OPTIONS] CONTAINER",
  args: exactly(1),
  complete: "containers",
  flags: { output: text("o", "Write to a file, instead of STDOUT") },
  run: async ({ args, flags, docker, out }) => {
    if (!flags.output && out.isTerminal) {
      throw new Exit(1, "cowardly refusing to save to a terminal. Use the -o flag or redirect")
    }
    const tar = await docker.containers.export(args[0]!)
    if (!flags.output) {
      for await (const bytes of tar) await out.stream(bytes)
      return
    }
    const temporary = `${flags.output}.barge-${process.pid}`
    try {
      await pipeline(tar, createWriteStream(temporary, { mode: 0o600 }))
      renameSync(temporary, flags.output)
    } catch (error) {
      rmSync(temporary, { force: true })
      throw error
    }
  },
})
