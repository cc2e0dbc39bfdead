import { NetworksClient } from "../../../client/networks.ts"
import { command, exactly } from "../../command.ts"
import { bool } from "../../flags/flag.ts"

export const disconnect = command({
  use: "disconnect [OPTIONS] NETWORK CONTAINER",
  args: exactly(2),
  complete: ["networks", "containers"],
  flags: { force: bool("f", "Force the container to disconnect from a network") },
  run: async ({ args, flags, docker }) => {
    const [network = "", container = ""] = args
    await new NetworksClient(docker.transport).disconnect(network, { Container: container, Force: flags.force })
  },
})
