import { NetworksClient } from "../../../client/networks.ts"
import { atLeast, command } from "../../command.ts"
import { bool } from "../../flags/flag.ts"
import { objectFormat } from "../../flags/format.ts"
import { inspectEach } from "../../inspect-each.ts"

export const inspect = command({
  use: "inspect [OPTIONS] NETWORK [NETWORK...]",
  args: atLeast(1),
  complete: "networks",
  flags: { format: objectFormat(), verbose: bool("v", "Verbose output for diagnostics") },
  run: ({ args, flags, docker, out }) => {
    const networks = new NetworksClient(docker.transport)
    return inspectEach(args, flags.format, out, (name) => networks.inspectText(name, { verbose: flags.verbose }))
  },
})
