import { type Address, addressOf, formatAddress } from "../../std/ip.ts"
import type { Endpoint } from "../contract.ts"

/** Who is called what, in every network. */
export class NameTable {
  /** Network → name, lower case → endpoint ID. */
  readonly #byName = new Map<string, Map<string, Map<string, Endpoint>>>()
  /** Network → address. */
  readonly #byAddress = new Map<string, Map<string, Endpoint>>()

  add(endpoint: Endpoint): void {
    for (const name of endpoint.names) {
      const key = name.toLowerCase()
      const names = at(this.#byName, endpoint.networkId)
      at(names, key).set(endpoint.id, endpoint)
    }
    for (const address of addressesIn(endpoint))
      at(this.#byAddress, endpoint.networkId).set(formatAddress(address), endpoint)
  }

  delete(endpoint: Endpoint): void {
    const names = this.#byName.get(endpoint.networkId)
    for (const [name, holders] of names ?? []) {
      if (holders.delete(endpoint.id) && holders.size === 0) names!.delete(name)
    }
    const addresses = this.#byAddress.get(endpoint.networkId)
    for (const address of addressesIn(endpoint)) {
      const key = formatAddress(address)
      if (addresses?.get(key)?.id === endpoint.id) addresses.delete(key)
    }
    if (names?.size === 0) this.#byName.delete(endpoint.networkId)
    if (addresses?.size === 0) this.#byAddress.delete(endpoint.networkId)
  }

  /**
   * Who `name` is, for a container with these endpoints: by its own links first, then by the names in its networks; `NAME.NETWORK`
   * asks one of them. @returns undefined when nobody is called so
   */
  find(own: readonly Endpoint[], name: string): readonly Endpoint[] | undefined {
    for (const endpoint of own) {
      const found = this.#in(endpoint, name)
      if (found) return found
      // A network's name may have dots itself.
      const suffix = `.${endpoint.network.toLowerCase()}`
      if (name.length === suffix.length || !name.endsWith(suffix)) continue
      const qualified = this.#in(endpoint, name.slice(0, -suffix.length))
      if (qualified) return qualified
    }
    return undefined
  }

  #in({ networkId, links }: Endpoint, name: string): readonly Endpoint[] | undefined {
    const link = Object.entries(links).find(([alias]) => alias.toLowerCase() === name)
    const holders = this.#byName.get(networkId)?.get((link?.[1] ?? name).toLowerCase())
    return holders ? [...holders.values()] : undefined
  }

  /** Who has an address, in one of the networks of these endpoints. */
  holder(own: readonly Endpoint[], address: string): Endpoint | undefined {
    const parsed = addressOf(address)
    if (!parsed) return undefined
    const key = formatAddress(parsed)
    for (const { networkId } of own) {
      const found = this.#byAddress.get(networkId)?.get(key)
      if (found) return found
    }
    return undefined
  }
}

function at<V>(map: Map<string, Map<string, V>>, key: string): Map<string, V> {
  let found = map.get(key)
  if (!found) {
    found = new Map()
    map.set(key, found)
  }
  return found
}

/** The addresses of an endpoint. */
export const addressesIn = ({ ipv4, ipv6 }: Endpoint): readonly Address[] =>
  [ipv4, ipv6].flatMap((entry) => {
    const address = entry && addressOf(entry.address)
    return address ? [address] : []
  })
