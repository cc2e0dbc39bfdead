import { NetworksClient } from "../../../client/networks.ts"
import { isKind, messageOf } from "../../../errors/failure.ts"
import { atLeast, command } from "../../command.ts"
import { bool } from "../../flags/flag.ts"

export const rm = command({
  use: "rm NETWORK [NETWORK...]",
  args: atLeast(1),
  complete: "networks",
  flags: { force: bool("f", "Do not error if the network does not exist") },
  run: async ({ args, flags, docker, out, err }) => {
    const networks = new NetworksClient(docker.transport)
    let code = 0
    for (const name of args) {
      try {
        await networks.remove(name)
        out.line(name)
      } catch (error) {
        if (flags.force && isKind(error, "notFound")) continue
        err.line(messageOf(error))
        code = 1
      }
    }
    // What docker says last.
    if (code !== 0) err.line(`exit status ${code}`)
    return code
  },
})
