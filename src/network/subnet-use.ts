import { addressOf, cidrOf, contains, formatSubnet, sizeOf } from "../std/ip.ts"
import type { Endpoint, NetworkRecord } from "./contract.ts"
import { reservedIn } from "./ipam.ts"

/** How much of a subnet is used. */
export interface SubnetUse {
  /** `ADDRESS/LENGTH`. */
  readonly subnet: string
  /** Addresses that nobody else can get: the network's own, auxiliary ones, those of `endpoints`. */
  readonly inUse: bigint
  /** Free addresses of the range that is chosen from. */
  readonly available: bigint
}

/**
 * The use of each subnet of a network. Addresses of places that are kept ready count as free: the next containers get them.
 * @param endpoints those of the network's containers
 */
export const subnetUse = (record: NetworkRecord, endpoints: readonly Endpoint[]): readonly SubnetUse[] =>
  record.subnets.map(({ subnet: text, range, gateway, auxiliary }) => {
    const { subnet } = cidrOf(text)!
    const chosenFrom = range ? cidrOf(range)!.subnet : subnet
    const texts = [
      gateway,
      ...Object.values(auxiliary),
      ...endpoints.flatMap(({ ipv4, ipv6 }) => [ipv4?.address, ipv6?.address]),
    ]
    const others = texts.flatMap((each) => (each === undefined ? [] : (addressOf(each) ?? [])))
    const used = reservedIn(
      subnet,
      others.filter((address) => contains(subnet, address)),
    )
    const inRange = [...used].filter((value) => contains(chosenFrom, { family: subnet.family, value })).length
    return {
      subnet: formatSubnet(subnet),
      inUse: BigInt(used.size),
      available: sizeOf(chosenFrom) - BigInt(inRange),
    }
  })
