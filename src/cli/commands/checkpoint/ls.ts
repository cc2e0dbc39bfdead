import { command, exactly } from "../../command.ts"
import { text } from "../../flags/flag.ts"
import { formatCheckpoints } from "../../output/checkpoints.ts"

export const ls = command({
  use: "ls [OPTIONS] CONTAINER",
  args: exactly(1),
  complete: "containers",
  flags: { "checkpoint-dir": text("", "Use a custom checkpoint storage directory") },
  run: async ({ args, flags, docker, out }) => {
    const checkpoints = await docker.containers.checkpoints(args[0]!, { dir: flags["checkpoint-dir"] })
    out.write(formatCheckpoints(checkpoints ?? []))
  },
})
