import { atLeast, command } from "../../command.ts"
import { objectFormat } from "../../flags/format.ts"
import { inspectEach } from "../../inspect-each.ts"

export const inspect = command({
  use: "inspect [OPTIONS] VOLUME [VOLUME...]",
  args: atLeast(1),
  complete: "volumes",
  flags: { format: objectFormat() },
  run: ({ args, flags, docker, out }) =>
    inspectEach(args, flags.format, out, (name) => docker.volumes.inspectText(name)),
})
