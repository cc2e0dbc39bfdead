import { createHash } from "node:crypto"
import { Failure } from "../errors/failure.ts"
import { type Address, contains, formatAddress, formatSubnet, nth, overlap, type Subnet, sizeOf } from "../std/ip.ts"
import type { AddressPool } from "./contract.ts"
import { parseCidr } from "./ip.ts"

/** Docker's defaults for networks of a single host, and behind them space for thousands more. */
export const defaultPools: readonly AddressPool[] = [
  { base: "172.17.0.0/16", size: 16 },
  { base: "172.18.0.0/16", size: 16 },
  { base: "172.19.0.0/16", size: 16 },
  { base: "172.20.0.0/14", size: 16 },
  { base: "172.24.0.0/14", size: 16 },
  { base: "172.28.0.0/14", size: 16 },
  { base: "192.168.0.0/16", size: 20 },
  { base: "10.192.0.0/10", size: 24 },
]

/** A unique local pool of 65,536 IPv6 networks (RFC 4193), the same for the same seed. */
export function ulaPool(seed: string): AddressPool {
  const hash = createHash("sha256").update(`barge ula ${seed}`).digest("hex")
  return { base: `fd${hash.slice(0, 2)}:${hash.slice(2, 6)}:${hash.slice(6, 10)}::/48`, size: 64 }
}

/**
 * The first subnet of the family in the pools that overlaps none of `taken` (the host's routes, addresses and name
 * servers, and other networks).
 * @throws invalidArgument naming the flag that adds pools, as dockerd answers, and for a pool that makes no sense
 */
export function chooseSubnet(pools: readonly AddressPool[], taken: readonly Subnet[], family: 4 | 6 = 4): Subnet {
  for (const pool of pools) {
    const { subnet } = parseCidr(pool.base, "default address pool")
    const most = subnet.family === 4 ? 30 : 126
    if (!Number.isInteger(pool.size) || pool.size < subnet.prefixLength || pool.size > most)
      throw new Failure(
        "invalidArgument",
        `default address pool ${pool.base} cannot be cut into subnets of size ${pool.size}`,
      )
    if (subnet.family !== family) continue
    const inside = taken.filter((other) => overlap(subnet, other))
    const step = sizeOf({ family, prefixLength: pool.size })
    const end = subnet.base + sizeOf(subnet)
    for (let base = subnet.base; base < end; base += step) {
      const candidate = { family, base, prefixLength: pool.size }
      if (!inside.some((other) => overlap(candidate, other))) return candidate
      if (inside.some((other) => contains(other, nth(subnet, 0n)) && other.prefixLength <= subnet.prefixLength)) break
    }
  }
  throw new Failure(
    "invalidArgument",
    "all predefined address pools have been fully subnetted: they overlap routes of this host or other networks; add one with --default-address-pool",
  )
}

/** How long an address is not chosen again, in milliseconds: what had it may take a while to be gone from the network. */
const restFor = 15_000

/** What is never given out of a subnet: `others`, the network's own address, and in IPv4 the broadcast address. */
export function reservedIn(subnet: Subnet, others: readonly Address[]): Set<bigint> {
  const reserved = new Set(others.map(({ value }) => value))
  if (subnet.family === 4 && subnet.prefixLength < 31) reserved.add(subnet.base + sizeOf(subnet) - 1n)
  if (sizeOf(subnet) > 2n) reserved.add(subnet.base)
  return reserved
}

/** The addresses of one subnet, the lowest free one first. */
export class Addresses {
  readonly subnet: Subnet
  readonly #range: Subnet
  readonly #used: Set<bigint>
  /** Given back a moment ago, with the time until which they rest. */
  readonly #resting = new Map<bigint, number>()
  /** Everything of the range below it is used. */
  #lowest: bigint

  /** `range` (Docker's ip-range) limits what is chosen automatically; `reserved` is never given out. */
  constructor(subnet: Subnet, options: { readonly range?: Subnet; readonly reserved: readonly Address[] }) {
    this.subnet = subnet
    this.#range = options.range ?? subnet
    if (!contains(subnet, nth(this.#range, 0n)) || this.#range.prefixLength < subnet.prefixLength)
      throw new Failure(
        "invalidArgument",
        `address range ${formatSubnet(this.#range)} is not part of the network ${formatSubnet(subnet)}`,
      )
    this.#used = reservedIn(subnet, options.reserved)
    this.#lowest = this.#range.base
  }

  /** How many addresses can still be chosen automatically, at least (reserved ones outside the range count as used). */
  get free(): number {
    const free = sizeOf(this.#range) - BigInt(this.#used.size)
    return free <= 0n ? 0 : free > 1_000_000n ? 1_000_000 : Number(free)
  }

  /** Takes the lowest free address of the range; one that rests only when there is no other. @throws internal, as dockerd does, when all are taken */
  allocate(): Address {
    const end = this.#range.base + sizeOf(this.#range)
    while (this.#lowest < end && this.#used.has(this.#lowest)) this.#lowest++
    const now = performance.now()
    let value: bigint | undefined
    for (let candidate = this.#lowest; candidate < end; candidate++) {
      if (this.#used.has(candidate)) continue
      if ((this.#resting.get(candidate) ?? 0) <= now) {
        value = candidate
        break
      }
    }
    value ??= this.#longestAtRest()
    if (value === undefined)
      throw new Failure(
        "internal",
        `no available IPv${this.subnet.family} addresses on this network's address pools: ${formatSubnet(this.#range)} is used up; remove containers or choose a larger subnet`,
      )
    this.#take(value)
    return { family: this.subnet.family, value }
  }

  #longestAtRest(): bigint | undefined {
    for (const value of this.#resting.keys())
      if (!this.#used.has(value) && contains(this.#range, { family: this.subnet.family, value })) return value
    return undefined
  }

  #take(value: bigint): void {
    this.#used.add(value)
    this.#resting.delete(value)
  }

  /** Whether a given address could be taken. */
  has(address: Address): boolean {
    return contains(this.subnet, address) && !this.#used.has(address.value)
  }

  /** Takes a given address. @throws conflict when it is taken; invalidArgument outside the subnet */
  reserve(address: Address): void {
    if (!contains(this.subnet, address))
      throw new Failure(
        "invalidArgument",
        `address ${formatAddress(address)} is not in the network ${formatSubnet(this.subnet)}`,
      )
    if (this.#used.has(address.value)) throw new Failure("permissionDenied", "Address already in use")
    this.#take(address.value)
  }

  /** @param rest whether something may still answer at the address for a while */
  release(address: Address, rest: boolean): void {
    if (!contains(this.subnet, address) || !this.#used.delete(address.value)) return
    if (rest) this.#resting.set(address.value, performance.now() + restFor)
    if (contains(this.#range, address) && address.value < this.#lowest) this.#lowest = address.value
  }
}
