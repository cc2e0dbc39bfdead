import { messageOf } from "../../../errors/failure.ts"
import { atMost, command } from "../../command.ts"
import { Credentials, dockerHub, hostnameOf } from "../../registry/credentials.ts"

export const logout = command({
  use: "logout [SERVER]",
  args: atMost(1),
  flags: {},
  run: async ({ args, config, out, err }) => {
    const server = args[0] || dockerHub
    const host = server === dockerHub ? server : hostnameOf(server)
    out.line(`Removing login credentials for ${host}`)
    // Earlier versions kept them under other spellings.
    const spellings = server === dockerHub ? [server] : [server, host, `http://${host}`, `https://${host}`]
    const credentials = new Credentials(config)
    const failures: string[] = []
    for (const each of spellings) {
      try {
        await credentials.erase(each)
      } catch (error) {
        failures.push(`${each}: ${messageOf(error)}`)
      }
    }
    if (failures.length === spellings.length)
      err.line(["WARNING: could not erase credentials:", ...failures].join("\n"))
  },
})
