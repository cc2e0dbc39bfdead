import { BlockList, isIP } from "node:net"

/** An IP range, `10.0.0.0/8`. */
export interface Subnet {
  readonly family: "ipv4" | "ipv6"
  contains(address: string): boolean
}

/** Parses `address/bits`. @throws Error in Go's words */
export function parseSubnet(text: string): Subnet & { readonly address: string } {
  const [address = "", bits = "", ...more] = text.split("/")
  const version = isIP(address)
  if (version === 0 || more.length > 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > (version === 4 ? 32 : 128))
    throw new Error(`invalid CIDR address: ${text}`)
  const family = version === 4 ? "ipv4" : "ipv6"
  const range = new BlockList()
  range.addSubnet(address, Number(bits), family)
  return {
    address,
    family,
    contains: (other) => isIP(other) === version && range.check(other, family),
  }
}

/** Whether an address, or the first of a range, lies in `subnet`. @throws Error in docker's words */
export function subnetHolds(subnet: string, data: string): boolean {
  let parsed: Subnet
  try {
    parsed = parseSubnet(subnet)
  } catch (error) {
    throw new Error(`invalid subnet: ${(error as Error).message}`)
  }
  return parsed.contains(data.includes("/") ? parseSubnet(data).address : data)
}
