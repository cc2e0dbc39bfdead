import { Failure } from "../errors/failure.ts"
import { linkByName } from "../linux/links.ts"
import type { NetlinkSocket } from "../linux/netlink.ts"
import { addressOf, cidrOf, contains, formatAddress, formatSubnet, overlap } from "../std/ip.ts"
import { type NetworkingOptions, type NetworkRecord, otherGateway, type SubnetConfig } from "./contract.ts"
import { addressesOf, madeHere } from "./host-bridge.ts"
import { parseCidr } from "./ip.ts"
import { planNetwork } from "./plan-network.ts"

/** The default bridge's ID: the same on every host, made of its name. */
export const defaultNetworkId = Buffer.from("bridge".padEnd(32, "-")).toString("hex")

/**
 * The default bridge as the daemon's options and an existing interface want it. An existing bridge keeps its address unless it
 * was made here and another is asked for.
 * @throws invalidArgument when a link of that name is something else, or has another address than the one asked for
 */
export function defaultNetworkOf(
  options: NetworkingOptions,
  socket: NetlinkSocket,
  others: readonly NetworkRecord[],
): NetworkRecord {
  const link = linkByName(socket, options.name)
  if (link && link.kind !== "bridge")
    throw new Failure(
      "invalidArgument",
      `${options.name} exists and is not a bridge; choose another name with --bridge`,
    )
  const present = link ? addressesOf(socket, link.index) : []
  const mtu = options.mtu || link?.mtu
  const subnets: SubnetConfig[] = []
  for (const family of [4, 6] as const) {
    const six = family === 6
    if (six && !options.ipv6) continue
    const flag = six ? "--bip6" : "--bip"
    const asked = six ? options.bip6 : options.bip
    const own = present.filter((text) => text.includes(":") === six)
    if (asked !== undefined) checkOwnAddress(asked, flag)
    if (
      asked !== undefined &&
      own.length > 0 &&
      !own.some((text) => same(text, asked)) &&
      !madeHere(link!, options.name)
    )
      throw new Failure(
        "invalidArgument",
        `bridge ${options.name} has the address ${own[0]}, not ${asked}; leave ${flag} away or choose another --bridge`,
      )
    const range = six ? options.fixedCidr6 : options.fixedCidr
    const rangeSubnet =
      range === undefined ? undefined : parseCidr(range, six ? "--fixed-cidr-v6" : "--fixed-cidr").subnet
    const address = asked ?? own.find((text) => !rangeSubnet || overlap(cidrOf(text)!.subnet, rangeSubnet))
    if (address === undefined) {
      // The range alone says which network is meant.
      if (rangeSubnet) subnets.push({ subnet: formatSubnet(rangeSubnet), auxiliary: {} })
      continue
    }
    const parsed = parseCidr(address, flag)
    subnets.push({
      subnet: formatSubnet(parsed.subnet),
      gateway: formatAddress(parsed.address),
      ...(rangeSubnet ? { range: formatSubnet(rangeSubnet) } : {}),
      auxiliary: {},
    })
  }
  const planned = planNetwork(
    {
      id: defaultNetworkId,
      name: "bridge",
      driver: "bridge",
      ipv4: true,
      ipv6: options.ipv6 ?? false,
      subnets,
      internal: false,
      options: {
        "com.docker.network.bridge.name": options.name,
        "com.docker.network.bridge.enable_icc": String(options.icc ?? true),
        "com.docker.network.bridge.enable_ip_masquerade": String(options.ipMasq ?? true),
        ...(options.hostBinding ? { "com.docker.network.bridge.host_binding_ipv4": options.hostBinding } : {}),
        ...(mtu ? { "com.docker.network.driver.mtu": String(mtu) } : {}),
      },
    },
    { socket, pools: options.defaultAddressPools, owner: options.name, others },
  )
  return { ...planned, subnets: planned.subnets.map((config) => withOtherGateway(config, options)) }
}

/** @throws invalidArgument for a gateway that containers cannot reach */
function withOtherGateway(config: SubnetConfig, options: NetworkingOptions): SubnetConfig {
  const { subnet } = cidrOf(config.subnet)!
  const text = subnet.family === 4 ? options.gateway : options.gateway6
  if (text === undefined) return config
  const flag = subnet.family === 4 ? "--default-gateway" : "--default-gateway-v6"
  const address = addressOf(text)
  if (!address || !contains(subnet, address))
    throw new Failure(
      "invalidArgument",
      `${flag} ${text} is no address of the default bridge's subnet ${config.subnet}`,
    )
  if (text === config.gateway) return config
  return { ...config, auxiliary: { ...config.auxiliary, [otherGateway[subnet.family]]: formatAddress(address) } }
}

function checkOwnAddress(text: string, flag: string): void {
  const { address, subnet } = parseCidr(text, flag)
  if (address.family === 4 && address.value === subnet.base && subnet.prefixLength < 31)
    throw new Failure("invalidArgument", `${flag} ${text} names a network; give the bridge's own address in it`)
}

const same = (one: string, other: string): boolean => {
  const [a, b] = [cidrOf(one)!, cidrOf(other)!]
  return a.address.value === b.address.value && a.subnet.prefixLength === b.subnet.prefixLength
}
