import { command, exactly } from "../../command.ts"
import { bool, text } from "../../flags/flag.ts"

export const create = command({
  use: "create [OPTIONS] CONTAINER CHECKPOINT",
  args: exactly(2),
  complete: ["runningContainers"],
  flags: {
    "checkpoint-dir": text("", "Use a custom checkpoint storage directory"),
    "leave-running": bool("", "Leave the container running after checkpoint"),
  },
  run: async ({ args, flags, docker, out }) => {
    const [container, name] = args as readonly [string, string]
    await docker.containers.createCheckpoint(container, {
      CheckpointID: name,
      CheckpointDir: flags["checkpoint-dir"],
      Exit: !flags["leave-running"],
    })
    out.line(name)
  },
})
