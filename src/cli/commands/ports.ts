import { NetworksClient } from "../../client/networks.ts"
import { command, noArgs } from "../command.ts"
import { bool } from "../flags/flag.ts"
import { exposureTable } from "../output/exposure.ts"

export const ports = command({
  use: "ports [OPTIONS]",
  args: noArgs,
  flags: { json: bool("", "Print the report as JSON") },
  run: async ({ flags, docker, out }) => {
    const exposed = await new NetworksClient(docker.transport).exposed()
    if (flags.json) out.line(JSON.stringify(exposed, undefined, 2))
    else for (const line of exposureTable(exposed)) out.line(line)
  },
})
