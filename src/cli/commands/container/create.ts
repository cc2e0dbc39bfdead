import { atLeast, command } from "../../command.ts"
import { createContainer, launchFlags } from "../../run/launch.ts"

export const create = command({
  use: "create [OPTIONS] IMAGE [COMMAND] [ARG...]",
  args: atLeast(1),
  interspersed: false,
  complete: "images",
  flags: launchFlags,
  run: async (invocation) => {
    const { Id } = await createContainer(invocation)
    invocation.out.line(Id)
  },
})
