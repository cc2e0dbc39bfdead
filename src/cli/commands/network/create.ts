import { NetworksClient } from "../../../client/networks.ts"
import { keyValues, labelWord } from "../../../flag-values/words.ts"
import { command, exactly } from "../../command.ts"
import { addresses, ranges } from "../../flags/addresses.ts"
import { bool, list, pairs, text, texts } from "../../flags/flag.ts"
import { ipamOf } from "../../network/ipam.ts"

export const create = command({
  use: "create [OPTIONS] NETWORK",
  args: exactly(1),
  flags: {
    attachable: bool("", "Enable manual container attachment"),
    "aux-address": pairs("", "Auxiliary IPv4 or IPv6 addresses used by Network driver"),
    "config-from": text("", "The network from which to copy the configuration"),
    "config-only": bool("", "Create a configuration only network"),
    driver: text("d", "Driver to manage the Network", "bridge"),
    gateway: addresses("IPv4 or IPv6 Gateway for the master subnet"),
    ingress: bool("", "Create swarm routing-mesh network"),
    internal: bool("", "Restrict external access to the network"),
    "ip-range": ranges("Allocate container ip from a sub-range"),
    "ipam-driver": text("", "IP Address Management Driver", "default"),
    "ipam-opt": pairs("", "Set IPAM driver specific options"),
    ipv4: bool("", "Enable or disable IPv4 address assignment", true),
    ipv6: bool("", "Enable or disable IPv6 address assignment"),
    label: list("", "Set metadata on a network", labelWord),
    opt: pairs("o", "Set driver specific options"),
    scope: text("", "Control the network's scope"),
    subnet: texts("", "Subnet in CIDR format that represents a network segment"),
  },
  run: async ({ args, flags, given, docker, out }) => {
    const { Id } = await new NetworksClient(docker.transport).create({
      Name: args[0]!,
      Driver: flags.driver,
      Scope: flags.scope,
      ...(given.has("ipv4") ? { EnableIPv4: flags.ipv4 } : {}),
      ...(given.has("ipv6") ? { EnableIPv6: flags.ipv6 } : {}),
      IPAM: ipamOf({
        driver: flags["ipam-driver"],
        options: flags["ipam-opt"],
        subnets: flags.subnet,
        ranges: flags["ip-range"],
        gateways: flags.gateway,
        reserved: flags["aux-address"],
      }),
      Internal: flags.internal,
      Attachable: flags.attachable,
      Ingress: flags.ingress,
      ConfigOnly: flags["config-only"],
      ...(flags["config-from"] ? { ConfigFrom: { Network: flags["config-from"] } } : {}),
      Options: flags.opt,
      Labels: keyValues(flags.label),
    })
    out.line(Id)
  },
})
