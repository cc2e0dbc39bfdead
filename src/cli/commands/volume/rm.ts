import { atLeast, command } from "../../command.ts"
import { forEachReporting } from "../../each.ts"
import { bool } from "../../flags/flag.ts"

export const rm = command({
  use: "rm [OPTIONS] VOLUME [VOLUME...]",
  args: atLeast(1),
  complete: "volumes",
  flags: { force: bool("f", "Force the removal of one or more volumes") },
  run: ({ args, flags, docker, out }) =>
    forEachReporting(args, async (name) => {
      await docker.volumes.remove(name, flags.force)
      out.line(name)
    }),
})
