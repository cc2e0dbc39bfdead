import { Failure } from "../errors/failure.ts"

/** A range of IPv4 addresses: its first address as a number, and the length of the prefix they share. */
export interface Subnet {
  readonly base: number
  readonly prefixLength: number
}

/** The number of a dotted address. @throws invalidArgument */
export function parseAddress(text: string): number {
  const parts = text.split(".")
  const valid = parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
  if (!valid) throw new Failure("invalidArgument", `${text} is not an IPv4 address`)
  return parts.reduce((value, part) => value * 256 + Number(part), 0)
}

/** True for a dotted IPv4 address. */
export const isAddress = (text: string): boolean => {
  try {
    parseAddress(text)
    return true
  } catch {
    return false
  }
}

/** The dotted form. */
export const formatAddress = (value: number): string =>
  [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join(".")

/** How many addresses a prefix of that length spans. */
export const sizeOf = (prefixLength: number): number => 2 ** (32 - prefixLength)

/** The subnet of a prefix length around an address. */
export const subnetAround = (address: number, prefixLength: number): Subnet => ({
  base: address - (address % sizeOf(prefixLength)),
  prefixLength,
})

/**
 * `ADDRESS/LENGTH` as an address and the subnet around it.
 * @throws invalidArgument naming `what`
 */
export function parseCidr(text: string, what: string): { readonly address: number; readonly subnet: Subnet } {
  const match = /^([\d.]+)\/(\d{1,2})$/.exec(text)
  const length = Number(match?.[2])
  if (!match || length > 32 || !isAddress(match[1]!))
    throw new Failure("invalidArgument", `${what} ${text} is not of the form 192.0.2.1/24`)
  const address = parseAddress(match[1]!)
  return { address, subnet: subnetAround(address, length) }
}

/** `BASE/LENGTH`. */
export const formatSubnet = (subnet: Subnet): string => `${formatAddress(subnet.base)}/${subnet.prefixLength}`

/** True when `address` lies in `subnet`. */
export const contains = (subnet: Subnet, address: number): boolean =>
  address >= subnet.base && address < subnet.base + sizeOf(subnet.prefixLength)

/** True when the two have an address in common. */
export const overlap = (one: Subnet, other: Subnet): boolean => contains(one, other.base) || contains(other, one.base)
