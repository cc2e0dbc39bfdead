import { Failure } from "../errors/failure.ts"
import { linkByName } from "../linux/links.ts"
import type { NetlinkSocket } from "../linux/netlink.ts"
import { addressOf, cidrOf, formatAddress, formatSubnet, nth, overlap, type Subnet } from "../std/ip.ts"
import type { AddressPool, NetworkRecord, NetworkRequest, SubnetConfig } from "./contract.ts"
import { inUse, routeMtu } from "./host-bridge.ts"
import { chooseSubnet, defaultPools, ulaPool } from "./ipam.ts"
import { type DriverOptions, driverOptions } from "./options.ts"
import { parentOf } from "./parent.ts"

/** What a new network is planned around. */
export interface Surroundings {
  readonly socket: NetlinkSocket
  readonly pools: readonly AddressPool[] | undefined
  /** Names the daemon; its unique local IPv6 pool follows from it. */
  readonly owner: string
  readonly others: readonly NetworkRecord[]
}

/**
 * Completes a network: subnets from the pools, gateways, the interface's name, MTU. Nothing is made yet.
 * @throws invalidArgument · permissionDenied when it overlaps another network
 */
export function planNetwork(request: NetworkRequest, around: Surroundings): NetworkRecord {
  const { driver } = request
  if (driver === "bridge" && !request.ipv4 && !request.ipv6)
    throw new Failure("invalidArgument", "IPv4 or IPv6 must be enabled")
  const options = driverOptions(request)
  const subnets = completeSubnets(request, options, around)
  const place = driver === "bridge" ? bridgePlace(request, options, around) : parentPlace(request, options, around)
  return { ...request, subnets, ...place, mtu: options.mtu ?? (driver === "bridge" ? routeMtu(around.socket) : 0) }
}

function completeSubnets(
  request: NetworkRequest,
  options: DriverOptions,
  around: Surroundings,
): readonly SubnetConfig[] {
  const families = ([4, 6] as const).filter((family) => (family === 4 ? request.ipv4 : request.ipv6))
  const given = request.subnets.filter(({ subnet }) => families.includes(cidrOf(subnet)!.subnet.family))
  const known = around.others.flatMap(({ subnets }) => subnets.map(({ subnet }) => cidrOf(subnet)!.subnet))
  for (const [index, { subnet }] of given.entries()) {
    const wanted = cidrOf(subnet)!.subnet
    const before = given.slice(0, index).map((each) => cidrOf(each.subnet)!.subnet)
    // Interfaces on a parent of the host's may well share a subnet with it, and with each other.
    if ([...known, ...before].some((other) => overlap(wanted, other)))
      throw new Failure("permissionDenied", "Pool overlaps with other one on this address space")
    if (request.driver === "bridge" && before.some(({ family }) => family === wanted.family))
      throw new Failure("permissionDenied", "bridge driver doesn't support multiple subnets")
  }
  const missing = families.filter((family) => !given.some(({ subnet }) => cidrOf(subnet)!.subnet.family === family))
  const chosen = missing.map((family): SubnetConfig => {
    const taken = [...known, ...inUse(around.socket)]
    return { subnet: formatSubnet(choose(family, taken, around)), auxiliary: {} }
  })
  const ofFamily = (six: boolean) => [...given, ...chosen].filter(({ subnet }) => subnet.includes(":") === six)
  return [...ofFamily(false), ...ofFamily(true)].map((config) => withGateway(config, request, options))
}

function choose(family: 4 | 6, taken: readonly Subnet[], { pools, owner }: Surroundings): Subnet {
  const own = (pools ?? []).filter(({ base }) => base.includes(":") === (family === 6))
  const absent = family === 4 ? defaultPools : [ulaPool(owner)]
  return chooseSubnet(own.length > 0 ? own : absent, taken, family)
}

/** The first address of the range that is nobody's is the gateway, where none is given. */
function withGateway(config: SubnetConfig, request: NetworkRequest, options: DriverOptions): SubnetConfig {
  const l3 = request.driver === "ipvlan" && options.ipvlanMode !== "l2"
  // Without a way out these drivers have nobody who would answer at a gateway's address.
  const closed = request.internal || options.parent === undefined
  if (config.gateway || l3 || (closed && request.driver !== "bridge")) return config
  const { subnet } = cidrOf(config.subnet)!
  const isolated = (subnet.family === 4 ? options.gatewayMode4 : options.gatewayMode6) === "isolated"
  if (isolated || (subnet.family === 4 && options.inhibitIpv4)) return config
  const range = config.range ? cidrOf(config.range)!.subnet : subnet
  const auxiliary = new Set(Object.values(config.auxiliary).map((text) => addressOf(text)?.value))
  for (let offset = range.base === subnet.base ? 1n : 0n; ; offset++) {
    const address = nth(range, offset)
    if (!auxiliary.has(address.value)) return { ...config, gateway: formatAddress(address) }
  }
}

function bridgePlace(request: NetworkRequest, options: DriverOptions, around: Surroundings) {
  const name = options.bridge ?? `br-${request.id.slice(0, 12)}`
  if (!/^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,14}$/.test(name))
    throw new Failure("invalidArgument", `bridge name ${name} is not usable: it has 1 to 15 letters, digits and dashes`)
  const other = around.others.find(({ hostInterface }) => hostInterface === name)
  if (other)
    throw new Failure(
      "permissionDenied",
      `cannot create network ${request.id} (${name}): conflicts with network ${other.id} (${name}): networks have same bridge name`,
    )
  return { hostInterface: name, ownInterface: linkByName(around.socket, name) === undefined }
}

function parentPlace(request: NetworkRequest, options: DriverOptions, { socket, others }: Surroundings) {
  const parent = parentOf(socket, request.id, options)
  const driver = request.driver as "macvlan" | "ipvlan"
  const other = others.find(
    (network) =>
      network.hostInterface === parent.name &&
      (network.driver !== driver || (driver === "macvlan" && driverOptions(network).macvlanMode === "passthru")),
  )
  if (other)
    throw new Failure("permissionDenied", `network ${other.id} is already using parent interface ${parent.name}`)
  return { hostInterface: parent.name, ownInterface: parent.own }
}
