import type { Ipam, IpamPool } from "../../api/network.ts"
import type { Pairs } from "../flags/flag.ts"
import { checkPrefix, subnetHolds } from "./subnet.ts"

/** What the address flags of `network create` say. */
export interface IpamFlags {
  readonly driver: string
  readonly options: Pairs
  readonly subnets: readonly string[]
  readonly ranges: readonly string[]
  readonly gateways: readonly string[]
  readonly reserved: Pairs
}

/** Finds out which gateway, range and reserved address belongs to which subnet. @throws Error in docker's words */
export function ipamOf({ driver, options, subnets, ranges, gateways, reserved }: IpamFlags): Ipam {
  if (subnets.length < ranges.length || subnets.length < gateways.length)
    throw new Error("every ip-range or gateway must have a corresponding subnet")
  const pools = new Map<string, IpamPool & { AuxiliaryAddresses: Record<string, string> }>()
  for (const subnet of subnets) {
    for (const other of pools.keys())
      if (subnetHolds(subnet, other) || subnetHolds(other, subnet))
        throw new Error("multiple overlapping subnet configuration is not supported")
    checkPrefix(subnet)
    pools.set(subnet, { Subnet: subnet, AuxiliaryAddresses: {} })
  }
  const owners = (value: string, missing: string) => {
    const found = subnets.filter((subnet) => subnetHolds(subnet, value))
    if (found.length === 0) throw new Error(`no matching subnet for ${missing} ${value}`)
    return found
  }
  for (const range of ranges) {
    for (const subnet of owners(range, "range")) {
      const pool = pools.get(subnet)!
      if (pool.IPRange)
        throw new Error(`cannot configure multiple ranges (${range}, ${pool.IPRange}) on the same subnet (${subnet})`)
      pools.set(subnet, { ...pool, IPRange: range })
    }
  }
  for (const gateway of gateways) {
    for (const subnet of owners(gateway, "gateway")) {
      const pool = pools.get(subnet)!
      if (pool.Gateway)
        throw new Error(
          `cannot configure multiple gateways (${gateway}, ${pool.Gateway}) for the same subnet (${subnet})`,
        )
      pools.set(subnet, { ...pool, Gateway: gateway })
    }
  }
  for (const [name, address] of Object.entries(reserved))
    for (const subnet of owners(address, "aux-address")) pools.get(subnet)!.AuxiliaryAddresses[name] = address
  return { Driver: driver, Options: options, Config: [...pools.values()] }
}
