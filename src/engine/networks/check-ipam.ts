import type { Ipam, IpamPool } from "../../api/network.ts"
import { Failure } from "../../errors/failure.ts"
import type { SubnetConfig } from "../../network/contract.ts"
import { addressOf, cidrOf, contains, formatAddress, formatSubnet, overlap, type Subnet } from "../../std/ip.ts"

/** Checks the subnets that a network is to have. @throws invalidArgument with Docker's list of everything that is wrong */
export function checkIpam(ipam: Ipam | undefined, ipv6: boolean): void {
  const errors = (ipam?.Config ?? []).flatMap((pool) => poolErrors(pool, ipv6))
  if (errors.length > 0) throw new Failure("invalidArgument", `invalid network config:\n${errors.join("\n")}`)
}

function poolErrors(pool: IpamPool, ipv6: boolean): string[] {
  const parsed = cidrOf(pool.Subnet ?? "")
  if (!parsed) return [`invalid subnet ${pool.Subnet ?? ""}: invalid CIDR block notation`]
  const { subnet } = parsed
  if (!ipv6 && subnet.family === 6) return []
  const errors: string[] = []
  if (parsed.address.value !== subnet.base)
    errors.push(
      `invalid subnet ${formatAddress(parsed.address)}/${subnet.prefixLength}: it should be ${formatSubnet(subnet)}`,
    )
  errors.push(...rangeErrors(pool.IPRange, subnet))
  const gateway = addressError(pool.Gateway, subnet)
  if (gateway) errors.push(`invalid gateway ${pool.Gateway}: ${gateway}`)
  for (const [name, text] of Object.entries(pool.AuxiliaryAddresses ?? {})) {
    const auxiliary = addressError(text, subnet)
    if (auxiliary) errors.push(`invalid auxiliary address ${name}: ${auxiliary}`)
  }
  return errors
}

function rangeErrors(text: string | undefined, subnet: Subnet): string[] {
  if (!text) return []
  const parsed = cidrOf(text)
  if (!parsed) return [`invalid ip-range ${text}: invalid CIDR block notation`]
  const range = parsed.subnet
  if (range.family !== subnet.family) return [`invalid ip-range ${text}: parent subnet is an IPv${subnet.family} block`]
  const errors: string[] = []
  if (range.prefixLength < subnet.prefixLength)
    errors.push(`invalid ip-range ${text}: CIDR block is bigger than its parent subnet ${formatSubnet(subnet)}`)
  if (parsed.address.value !== range.base) errors.push(`invalid ip-range ${text}: it should be ${formatSubnet(range)}`)
  if (!overlap(range, subnet))
    errors.push(`invalid ip-range ${text}: parent subnet ${formatSubnet(subnet)} doesn't contain ip-range`)
  return errors
}

function addressError(text: string | undefined, subnet: Subnet): string | undefined {
  if (!text) return undefined
  const address = addressOf(text)
  if (!address) return "invalid address"
  if (address.family !== subnet.family) return `parent subnet is an IPv${subnet.family} block`
  if (!contains(subnet, address)) return `parent subnet ${formatSubnet(subnet)} doesn't contain this address`
  return undefined
}

/** The subnets of a request that was checked, of the families that the network has. */
export const subnetsOf = (ipam: Ipam): readonly SubnetConfig[] =>
  (ipam.Config ?? []).map((pool) => ({
    subnet: formatSubnet(cidrOf(pool.Subnet!)!.subnet),
    ...(pool.IPRange ? { range: pool.IPRange } : {}),
    ...(pool.Gateway ? { gateway: pool.Gateway } : {}),
    auxiliary: pool.AuxiliaryAddresses ?? {},
  }))
