import { isIP } from "./ip-address.ts"

/** An address as a number, with its family. */
export interface Address {
  readonly family: 4 | 6
  readonly value: bigint
}

/** A range of addresses: its first one, and the length of the prefix that they share. */
export interface Subnet {
  readonly family: 4 | 6
  readonly base: bigint
  readonly prefixLength: number
}

const bitsOf = (family: 4 | 6): number => (family === 4 ? 32 : 128)

/** The address of a text, or undefined. A zone (`%eth0`) makes it none. */
export function addressOf(text: string): Address | undefined {
  const family = isIP(text)
  if (family === 4) {
    return { family: 4, value: text.split(".").reduce((value, part) => value * 256n + BigInt(part), 0n) }
  }
  if (family === 0 || text.includes("%")) return undefined
  return { family: 6, value: bytesValue(bytes6(text)) }
}

/** True for an IPv4 or IPv6 address. */
export const isAddress = (text: string): boolean => addressOf(text) !== undefined

function bytes6(text: string): Buffer {
  let source = text
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (dotted) {
    const parts = dotted[2]!.split(".").map(Number) as [number, number, number, number]
    source = `${dotted[1]}${(parts[0] * 256 + parts[1]).toString(16)}:${(parts[2] * 256 + parts[3]).toString(16)}`
  }
  const [head = "", tail] = source.split("::")
  const words = (part: string) => (part === "" ? [] : part.split(":").map((word) => Number.parseInt(word, 16)))
  const front = words(head)
  const back = tail === undefined ? [] : words(tail)
  const all = [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back]
  const bytes = Buffer.alloc(16)
  for (const [index, word] of all.entries()) bytes.writeUInt16BE(word, 2 * index)
  return bytes
}

const bytesValue = (bytes: Uint8Array): bigint => bytes.reduce((value, byte) => value * 256n + BigInt(byte), 0n)

/** The address in network byte order: 4 or 16 bytes. */
export function addressBytes({ family, value }: Address): Buffer {
  const bytes = Buffer.alloc(family === 4 ? 4 : 16)
  let rest = value
  for (let index = bytes.length - 1; index >= 0; index--) {
    bytes[index] = Number(rest & 255n)
    rest >>= 8n
  }
  return bytes
}

/** The text of an address: dotted, or in the shortest form of RFC 5952. */
export function formatAddress(address: Address): string {
  const bytes = addressBytes(address)
  if (address.family === 4) return bytes.join(".")
  const words = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index))
  let best = { at: 0, length: 0 }
  for (let at = 0; at < 8; at++) {
    let length = 0
    while (at + length < 8 && words[at + length] === 0) length++
    if (length > best.length) best = { at, length }
  }
  const text = (part: readonly number[]) => part.map((word) => word.toString(16)).join(":")
  if (best.length < 2) return text(words)
  return `${text(words.slice(0, best.at))}::${text(words.slice(best.at + best.length))}`
}

/** The address `offset` after the first of a subnet. */
export const nth = (subnet: Subnet, offset: bigint): Address => ({ family: subnet.family, value: subnet.base + offset })

/** How many addresses a subnet spans. */
export const sizeOf = (subnet: Pick<Subnet, "family" | "prefixLength">): bigint =>
  1n << BigInt(bitsOf(subnet.family) - subnet.prefixLength)

/** The subnet of a prefix length around an address. */
export function subnetAround({ family, value }: Address, prefixLength: number): Subnet {
  const size = sizeOf({ family, prefixLength })
  return { family, base: value - (value % size), prefixLength }
}

/** The subnet that holds one address only. */
export const only = (address: Address): Subnet => subnetAround(address, bitsOf(address.family))

/** `ADDRESS/LENGTH` as an address and the subnet around it, or undefined. */
export function cidrOf(text: string): { readonly address: Address; readonly subnet: Subnet } | undefined {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text)
  const address = match ? addressOf(match[1]!) : undefined
  const length = Number(match?.[2])
  if (!address || length > bitsOf(address.family)) return undefined
  return { address, subnet: subnetAround(address, length) }
}

/** `BASE/LENGTH`. */
export const formatSubnet = (subnet: Subnet): string => `${formatAddress(nth(subnet, 0n))}/${subnet.prefixLength}`

/** True when `address` lies in `subnet`. */
export const contains = (subnet: Subnet, address: Address): boolean =>
  subnet.family === address.family && address.value >= subnet.base && address.value < subnet.base + sizeOf(subnet)

/** True when the two have an address in common. */
export const overlap = (one: Subnet, other: Subnet): boolean =>
  contains(one, nth(other, 0n)) || contains(other, nth(one, 0n))
