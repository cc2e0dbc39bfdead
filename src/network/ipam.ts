import { Failure } from "../errors/failure.ts"
import type { AddressPool } from "./contract.ts"
import { contains, formatAddress, formatSubnet, overlap, parseCidr, type Subnet, sizeOf } from "./ipv4.ts"

/** Docker's defaults for networks of a single host. */
export const defaultPools: readonly AddressPool[] = [
  { base: "172.17.0.0/16", size: 16 },
  { base: "172.18.0.0/16", size: 16 },
  { base: "172.19.0.0/16", size: 16 },
  { base: "172.20.0.0/14", size: 16 },
  { base: "172.24.0.0/14", size: 16 },
  { base: "172.28.0.0/14", size: 16 },
  { base: "192.168.0.0/16", size: 20 },
]

/**
 * The first subnet of the pools that overlaps none of `taken` (the host's routes, addresses and name servers, and other networks).
 * @throws exhausted naming the flag that adds pools; invalidArgument for a pool that makes no sense
 */
export function chooseSubnet(pools: readonly AddressPool[], taken: readonly Subnet[]): Subnet {
  for (const pool of pools) {
    const { subnet } = parseCidr(pool.base, "default address pool")
    if (!Number.isInteger(pool.size) || pool.size < subnet.prefixLength || pool.size > 30)
      throw new Failure(
        "invalidArgument",
        `default address pool ${pool.base} cannot be cut into subnets of size ${pool.size}`,
      )
    const end = subnet.base + sizeOf(subnet.prefixLength)
    for (let base = subnet.base; base < end; base += sizeOf(pool.size)) {
      const candidate = { base, prefixLength: pool.size }
      if (!taken.some((other) => overlap(candidate, other))) return candidate
    }
  }
  throw new Failure(
    "exhausted",
    "all predefined address pools overlap routes of this host or other networks; add one with --default-address-pool",
  )
}

/**
 * The addresses of one network. An address that was given back is given out again as late as possible, so that a
 * neighbour's memory of it, or a connection's, has gone by then.
 */
export class Addresses {
  readonly subnet: Subnet
  readonly #range: Subnet
  readonly #used = new Set<number>()
  #cursor: number

  /** `range` (Docker's `--fixed-cidr`) limits what is chosen automatically; `reserved` is never given out. */
  constructor(subnet: Subnet, options: { readonly range?: Subnet; readonly reserved: readonly number[] }) {
    this.subnet = subnet
    this.#range = options.range ?? subnet
    if (!contains(subnet, this.#range.base) || this.#range.prefixLength < subnet.prefixLength)
      throw new Failure(
        "invalidArgument",
        `address range ${formatSubnet(this.#range)} is not part of the network ${formatSubnet(subnet)}`,
      )
    for (const address of options.reserved) this.#used.add(address)
    if (subnet.prefixLength < 31) {
      this.#used.add(subnet.base)
      this.#used.add(subnet.base + sizeOf(subnet.prefixLength) - 1)
    }
    this.#cursor = this.#range.base
  }

  /** How many addresses can still be chosen automatically, at least (reserved ones outside the range count as used). */
  get free(): number {
    return Math.max(0, sizeOf(this.#range.prefixLength) - this.#used.size)
  }

  /** Takes the next free address of the range. @throws exhausted */
  allocate(): number {
    const size = sizeOf(this.#range.prefixLength)
    for (let step = 0; step < size; step++) {
      const address = this.#cursor
      this.#cursor = address + 1 < this.#range.base + size ? address + 1 : this.#range.base
      if (this.#used.has(address)) continue
      this.#used.add(address)
      return address
    }
    throw new Failure(
      "exhausted",
      `no available IPv4 addresses on this network's address pools: ${formatSubnet(this.#range)} is used up; remove containers or choose a larger --bip or --fixed-cidr`,
    )
  }

  /** Takes a given address. @throws conflict when it is taken; invalidArgument outside the subnet */
  reserve(address: number): void {
    if (!contains(this.subnet, address))
      throw new Failure(
        "invalidArgument",
        `address ${formatAddress(address)} is not in the network ${formatSubnet(this.subnet)}`,
      )
    if (this.#used.has(address)) throw new Failure("conflict", `Address already in use: ${formatAddress(address)}`)
    this.#used.add(address)
  }

  release(address: number): void {
    this.#used.delete(address)
  }
}
