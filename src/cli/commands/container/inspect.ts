import { atLeast, command } from "../../command.ts"
import { bool } from "../../flags/flag.ts"
import { objectFormat } from "../../flags/format.ts"
import { inspectEach } from "../../inspect-each.ts"

export const inspect = command({
  use: "inspect [OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  complete: "containers",
  flags: { format: objectFormat(), size: bool("s", "Display total file sizes") },
  run: ({ args, flags, docker, out }) =>
    inspectEach(args, flags.format, out, (name) => docker.containers.inspectText(name, flags.size)),
})
