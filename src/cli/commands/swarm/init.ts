import { parseInteger } from "../../../std/strconv.ts"
import { command, noArgs } from "../../command.ts"
import { bool, custom, list } from "../../flags/flag.ts"
import { duration, int } from "../../flags/numbers.ts"
import { nodeFlags } from "./node-flags.ts"

const unsigned = (usage: string, type: string, bits: number, initial = 0) =>
  custom("", usage, type, initial, (value) => Number(parseInteger(value, bits, false)), {
    ...(initial ? { shownDefault: String(initial) } : {}),
  })

export const init = command({
  use: "init [OPTIONS]",
  args: noArgs,
  flags: {
    ...nodeFlags,
    autolock: bool("", "Enable manager autolocking (requiring an unlock key to start a stopped manager)"),
    "cert-expiry": {
      ...duration("", "Validity period for node certificates (ns|us|ms|s|m|h)"),
      shownDefault: "2160h0m0s",
    },
    "data-path-port": unsigned(
      "Port number to use for data path traffic (1024 - 49151). If no value is set or is set to 0, the default port (4789) is used.",
      "uint32",
      32,
    ),
    "default-addr-pool": list("", "default address pool in CIDR format", undefined, {
      type: "ipNetSlice",
      shownDefault: "[]",
    }),
    "default-addr-pool-mask-length": unsigned("default address pool subnet mask length", "uint32", 32, 24),
    "dispatcher-heartbeat": {
      ...duration("", "Dispatcher heartbeat period (ns|us|ms|s|m|h)"),
      shownDefault: "5s",
    },
    "external-ca": list("", "Specifications of one or more certificate signing endpoints", undefined, {
      type: "external-ca",
    }),
    "force-new-cluster": bool("", "Force create a new cluster from current state"),
    "max-snapshots": unsigned("Number of additional Raft snapshots to retain", "uint", 64),
    "snapshot-interval": unsigned("Number of log entries between Raft snapshots", "uint", 64, 10000),
    "task-history-limit": int("", "Task history retention limit", 5),
  },
  run: async ({ flags, docker, out }) => {
    const id = await docker.transport.json<string>("POST", "/swarm/init", {
      body: {
        ListenAddr: flags["listen-addr"],
        AdvertiseAddr: flags["advertise-addr"],
        DataPathAddr: flags["data-path-addr"],
        DataPathPort: flags["data-path-port"],
        DefaultAddrPool: flags["default-addr-pool"],
        SubnetSize: flags["default-addr-pool-mask-length"],
        ForceNewCluster: flags["force-new-cluster"],
        Availability: flags.availability,
        Spec: {},
      },
    })
    out.line(`Swarm initialized: current node (${id}) is now a manager.`)
  },
})
