import { command, exactly } from "../../command.ts"
import { text } from "../../flags/flag.ts"
import { nodeFlags } from "./node-flags.ts"

export const join = command({
  use: "join [OPTIONS] HOST:PORT",
  args: exactly(1),
  flags: { ...nodeFlags, token: text("", "Token for entry into the swarm") },
  run: async ({ args, flags, docker, out }) => {
    await docker.transport.text("POST", "/swarm/join", {
      body: {
        ListenAddr: flags["listen-addr"],
        AdvertiseAddr: flags["advertise-addr"],
        DataPathAddr: flags["data-path-addr"],
        RemoteAddrs: [args[0]!],
        JoinToken: flags.token,
        Availability: flags.availability,
      },
    })
    out.line("This node joined a swarm as a worker.")
  },
})
