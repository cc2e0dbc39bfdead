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

/** @throws Error in the words of Go's netip.ParsePrefix for what is no `address/bits` */
export function checkPrefix(text: string): void {
  const fail = (what: string) => new Error(`netip.ParsePrefix(${JSON.stringify(text)}): ${what}`)
  const slash = text.lastIndexOf("/")
  if (slash < 0) throw fail("no '/'")
  const [address, bits] = [text.slice(0, slash), text.slice(slash + 1)]
  const version = isIP(address)
  if (version === 0) throw fail(`ParseAddr(${JSON.stringify(address)}): unable to parse IP`)
  if (!/^(0|[1-9]\d*)$/.test(bits)) throw fail(`bad bits after slash: ${JSON.stringify(bits)}`)
  if (Number(bits) > (version === 4 ? 32 : 128)) throw fail("prefix length out of range")
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
