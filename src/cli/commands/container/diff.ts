import { command, Exit, exactly } from "../../command.ts"

const letters = ["C", "A", "D"] as const

export const diff = command({
  use: "diff CONTAINER",
  args: exactly(1),
  complete: "containers",
  flags: {},
  run: async ({ args, docker, out }) => {
    if (args[0] === "") throw new Exit(1, "invalid container name or ID: value is empty")
    for (const { Kind, Path } of (await docker.containers.changes(args[0]!)) ?? []) out.line(`${letters[Kind]} ${Path}`)
  },
})
