import { NetworksClient } from "../../../client/networks.ts"
import { cut, linkWord } from "../../../flag-values/words.ts"
import { command, Exit, exactly } from "../../command.ts"
import { address, addresses } from "../../flags/addresses.ts"
import { list, texts } from "../../flags/flag.ts"
import { int } from "../../flags/numbers.ts"

export const connect = command({
  use: "connect [OPTIONS] NETWORK CONTAINER",
  args: exactly(2),
  complete: ["networks", "containers"],
  flags: {
    alias: texts("", "Add network-scoped alias for the container"),
    "driver-opt": texts("", "driver options for the network"),
    "gw-priority": int("", "Highest gw-priority provides the default gateway. Accepts positive and negative values."),
    ip: address('IPv4 address (e.g., "172.30.100.104")'),
    ip6: address('IPv6 address (e.g., "2001:db8::33")'),
    link: list("", "Add link to another container", linkWord),
    "link-local-ip": addresses("Add a link-local address for the container"),
  },
  run: async ({ args, flags, docker }) => {
    const [network = "", container = ""] = args
    const options: Record<string, string> = {}
    for (const word of flags["driver-opt"]) {
      const [key, value] = cut(word, "=")
      if (value === undefined || key.trim() === "") throw new Exit(1, "invalid key/value pair format in driver options")
      options[key.trim()] = value.trim()
    }
    await new NetworksClient(docker.transport).connect(network, {
      Container: container,
      EndpointConfig: {
        IPAMConfig: {
          ...(flags.ip ? { IPv4Address: flags.ip } : {}),
          ...(flags.ip6 ? { IPv6Address: flags.ip6 } : {}),
          ...(flags["link-local-ip"].length > 0 ? { LinkLocalIPs: flags["link-local-ip"] } : {}),
        },
        Links: flags.link,
        Aliases: flags.alias,
        DriverOpts: options,
        GwPriority: flags["gw-priority"],
      },
    })
  },
})
