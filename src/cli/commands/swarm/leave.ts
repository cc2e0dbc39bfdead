import { command, noArgs } from "../../command.ts"
import { bool } from "../../flags/flag.ts"

export const leave = command({
  use: "leave [OPTIONS]",
  args: noArgs,
  flags: { force: bool("f", "Force this node to leave the swarm, ignoring warnings") },
  run: async ({ flags, docker, out }) => {
    await docker.transport.text("POST", "/swarm/leave", { query: { force: flags.force } })
    out.line("Node left the swarm.")
  },
})
