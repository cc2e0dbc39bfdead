import type { EndpointSettings } from "../../api/network.ts"
import { type NetworkWish, plainNetwork } from "./network-flag.ts"

/** Flags of the container that mean its first network. */
export interface FirstNetworkFlags {
  readonly aliases: readonly string[]
  readonly links: readonly string[]
  readonly linkLocalIps: readonly string[]
  readonly ip: string
  readonly ip6: string
  readonly macAddress: string
}

/** Whether a network mode names a network that a user made. */
export const isUserDefined = (mode: string): boolean =>
  !["default", "bridge", "host", "none"].includes(mode) && !mode.startsWith("container:")

/** The endpoints that the flags ask for. @throws Error in Docker's words */
export function endpointsOf(
  wishes: readonly NetworkWish[],
  flags: FirstNetworkFlags,
): Readonly<Record<string, EndpointSettings>> {
  if (wishes.length === 0) return { default: endpointOf(withFlags(plainNetwork("default"), flags)) }
  const endpoints: Record<string, EndpointSettings> = {}
  for (const [index, written] of wishes.entries()) {
    const wish = index === 0 ? withFlags(written, flags) : written
    const endpoint = endpointOf(wish)
    if (endpoints[wish.target]) throw new Error(`network ${JSON.stringify(wish.target)} is specified multiple times`)
    // The daemon makes the endpoint of an only network itself; older daemons know no other way.
    if (wishes.length === 1 && isPlain(wish)) continue
    endpoints[wish.target] = endpoint
  }
  if (new Set(wishes.map((wish) => isUserDefined(wish.target))).size > 1)
    throw new Error("conflicting options: cannot attach both user-defined and non-user-defined network-modes")
  return endpoints
}

function withFlags(wish: NetworkWish, flags: FirstNetworkFlags): NetworkWish {
  const conflict = (flag: string, what: string, one: string | readonly string[], other: string | readonly string[]) => {
    if (one.length > 0 && other.length > 0)
      throw new Error(`conflicting options: cannot specify both --${flag} and per-network ${what}`)
  }
  conflict("network-alias", "alias", wish.aliases, flags.aliases)
  conflict("ip", "IPv4 address", wish.ip, flags.ip)
  conflict("ip6", "IPv6 address", wish.ip6, flags.ip6)
  conflict("mac-address", "MAC address", wish.macAddress, flags.macAddress)
  conflict("link-local-ip", "link-local IP addresses", wish.linkLocalIps, flags.linkLocalIps)
  return {
    ...wish,
    aliases: [...wish.aliases, ...flags.aliases],
    links: isUserDefined(wish.target) ? flags.links : [],
    linkLocalIps: [...wish.linkLocalIps, ...flags.linkLocalIps],
    ip: wish.ip || flags.ip,
    ip6: wish.ip6 || flags.ip6,
    macAddress: wish.macAddress || flags.macAddress,
  }
}

const isPlain = (wish: NetworkWish) => JSON.stringify(wish) === JSON.stringify(plainNetwork(wish.target))
const orNull = (items: readonly string[]) => (items.length > 0 ? items : null)

function endpointOf(wish: NetworkWish): EndpointSettings {
  if (wish.target.trim() === "") throw new Error("no name set for network")
  if (!isUserDefined(wish.target) && wish.aliases.length > 0)
    throw new Error("network-scoped aliases are only supported for user-defined networks")
  if (wish.macAddress && !isMacAddress(wish.macAddress))
    throw new Error(`${wish.macAddress} is not a valid mac address`)
  const addressed = wish.ip || wish.ip6 || wish.linkLocalIps.length > 0
  return {
    IPAMConfig: addressed
      ? {
          ...(wish.ip ? { IPv4Address: wish.ip } : {}),
          ...(wish.ip6 ? { IPv6Address: wish.ip6 } : {}),
          ...(wish.linkLocalIps.length > 0 ? { LinkLocalIPs: wish.linkLocalIps } : {}),
        }
      : null,
    Links: orNull(wish.links),
    Aliases: orNull(wish.aliases),
    MacAddress: wish.macAddress.trim(),
    DriverOpts: Object.keys(wish.driverOptions).length > 0 ? wish.driverOptions : null,
    GwPriority: wish.gatewayPriority,
    NetworkID: "",
    EndpointID: "",
    Gateway: "",
    IPAddress: "",
    IPPrefixLen: 0,
    IPv6Gateway: "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    DNSNames: null,
  }
}

/** EUI-48, EUI-64 and InfiniBand addresses, as Go's net.ParseMAC reads them. */
function isMacAddress(text: string): boolean {
  const pairs =
    /^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1)+[0-9a-f]{2}$/i.test(text) && [6, 8, 20].includes((text.length + 1) / 3)
  const fours = /^[0-9a-f]{4}(?:\.[0-9a-f]{4})+$/i.test(text) && [3, 4, 10].includes((text.length + 1) / 5)
  return pairs || fours
}
