import { command, exactly } from "../../command.ts"
import { text } from "../../flags/flag.ts"

export const rm = command({
  use: "rm [OPTIONS] CONTAINER CHECKPOINT",
  args: exactly(2),
  complete: ["containers"],
  flags: { "checkpoint-dir": text("", "Use a custom checkpoint storage directory") },
  run: async ({ args, flags, docker }) => {
    const [container, name] = args as readonly [string, string]
    await docker.containers.deleteCheckpoint(container, name, { dir: flags["checkpoint-dir"] })
  },
})
