import { type EndpointSettings, noSettings } from "../api/network.ts"
import { Failure } from "../errors/failure.ts"
import { type NetworkRequest, plainNetwork } from "./network.ts"

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

/** The endpoints that the flags ask for. @throws invalidArgument in Docker's words */
export function endpointsOf(
  requests: readonly NetworkRequest[],
  flags: FirstNetworkFlags,
): Readonly<Record<string, EndpointSettings>> {
  if (requests.length === 0) return { default: endpointOf(withFlags(plainNetwork("default"), flags)) }
  const endpoints: Record<string, EndpointSettings> = {}
  for (const [index, written] of requests.entries()) {
    const request = index === 0 ? withFlags(written, flags) : written
    const endpoint = endpointOf(request)
    if (endpoints[request.target])
      throw new Failure("invalidArgument", `network ${JSON.stringify(request.target)} is specified multiple times`)
    // The daemon makes the endpoint of an only network itself; older daemons know no other way.
    if (requests.length === 1 && isPlain(request)) continue
    endpoints[request.target] = endpoint
  }
  if (new Set(requests.map((request) => isUserDefined(request.target))).size > 1)
    throw new Failure(
      "invalidArgument",
      "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
    )
  return endpoints
}

function withFlags(request: NetworkRequest, flags: FirstNetworkFlags): NetworkRequest {
  const conflict = (flag: string, what: string, one: string | readonly string[], other: string | readonly string[]) => {
    if (one.length > 0 && other.length > 0)
      throw new Failure("invalidArgument", `conflicting options: cannot specify both --${flag} and per-network ${what}`)
  }
  conflict("network-alias", "alias", request.aliases, flags.aliases)
  conflict("ip", "IPv4 address", request.ip, flags.ip)
  conflict("ip6", "IPv6 address", request.ip6, flags.ip6)
  conflict("mac-address", "MAC address", request.macAddress, flags.macAddress)
  conflict("link-local-ip", "link-local IP addresses", request.linkLocalIps, flags.linkLocalIps)
  return {
    ...request,
    aliases: [...request.aliases, ...flags.aliases],
    links: isUserDefined(request.target) ? flags.links : [],
    linkLocalIps: [...request.linkLocalIps, ...flags.linkLocalIps],
    ip: request.ip || flags.ip,
    ip6: request.ip6 || flags.ip6,
    macAddress: request.macAddress || flags.macAddress,
  }
}

const isPlain = (request: NetworkRequest) => JSON.stringify(request) === JSON.stringify(plainNetwork(request.target))
const orNull = (items: readonly string[]) => (items.length > 0 ? items : null)

function endpointOf(request: NetworkRequest): EndpointSettings {
  if (request.target.trim() === "") throw new Failure("invalidArgument", "no name set for network")
  if (!isUserDefined(request.target) && request.aliases.length > 0)
    throw new Failure("invalidArgument", "network-scoped aliases are only supported for user-defined networks")
  if (request.macAddress && !isMacAddress(request.macAddress))
    throw new Failure("invalidArgument", `${request.macAddress} is not a valid mac address`)
  const addressed = request.ip || request.ip6 || request.linkLocalIps.length > 0
  return {
    ...noSettings,
    IPAMConfig: addressed
      ? {
          ...(request.ip ? { IPv4Address: request.ip } : {}),
          ...(request.ip6 ? { IPv6Address: request.ip6 } : {}),
          ...(request.linkLocalIps.length > 0 ? { LinkLocalIPs: request.linkLocalIps } : {}),
        }
      : null,
    Links: orNull(request.links),
    Aliases: orNull(request.aliases),
    MacAddress: request.macAddress.trim(),
    DriverOpts: Object.keys(request.driverOptions).length > 0 ? request.driverOptions : null,
    GwPriority: request.gatewayPriority,
  }
}

/** EUI-48, EUI-64 and InfiniBand addresses, as Go's net.ParseMAC reads them. */
function isMacAddress(text: string): boolean {
  const pairs =
    /^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1)+[0-9a-f]{2}$/i.test(text) && [6, 8, 20].includes((text.length + 1) / 3)
  const fours = /^[0-9a-f]{4}(?:\.[0-9a-f]{4})+$/i.test(text) && [3, 4, 10].includes((text.length + 1) / 5)
  return pairs || fours
}
