import { isIP } from "../ip-address.ts"

/** An address as a number, with the width of its family in bits. */
export interface Address {
  readonly value: bigint
  readonly bits: 32 | 128
}

export interface Network {
  readonly address: Address
  readonly prefix: number
}

/** @returns undefined when `text` is not an IPv4 or IPv6 address */
export function addressOf(text: string): Address | undefined {
  const family = isIP(text)
  if (family === 4) {
    return { bits: 32, value: text.split(".").reduce((sum, part) => (sum << 8n) | BigInt(part), 0n) }
  }
  if (family !== 6) return undefined
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  const low = tail && addressOf(tail[2]!)!.value
  const plain = tail ? `${tail[1]}${(low! >> 16n).toString(16)}:${(low! & 0xffffn).toString(16)}` : text
  const [head = "", rest] = plain.split("%")[0]!.split("::")
  const before = head.split(":").filter(Boolean)
  const after = rest?.split(":").filter(Boolean) ?? []
  const groups = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => "0"), ...after]
  const value = groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n)
  // An IPv4 address in IPv6's clothes (RFC 4291, section 2.5.5.2).
  return value >> 32n === 0xffffn ? { bits: 32, value: value & 0xffffffffn } : { bits: 128, value }
}

/** Parses `ADDRESS/PREFIX`. @returns undefined when `text` is none */
export function parseNetwork(text: string): Network | undefined {
  const match = /^(.+)\/(\d{1,3})$/.exec(text)
  const address = match && addressOf(match[1]!)
  const prefix = Number(match?.[2])
  return address && prefix <= address.bits ? { address, prefix } : undefined
}

export function inNetwork(address: Address, { address: base, prefix }: Network): boolean {
  const shift = BigInt(base.bits - prefix)
  return address.bits === base.bits && address.value >> shift === base.value >> shift
}
