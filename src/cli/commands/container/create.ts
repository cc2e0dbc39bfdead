import { atLeast, command } from "../../command.ts"
import { bodyOf, createContainer, launchFlags } from "../../run/launch.ts"

export const create = command({
  use: "create [OPTIONS] IMAGE [COMMAND] [ARG...]",
  args: atLeast(1),
  interspersed: false,
  complete: "images",
  flags: launchFlags('creating ("always", "missing", "never")'),
  run: async (invocation) => {
    const { Id } = await createContainer(invocation, bodyOf(invocation, "create"))
    invocation.out.line(Id)
  },
})
