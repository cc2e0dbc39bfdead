import { parseDecimal } from "../flags/numbers.ts"
import { csvFields, cut } from "../flags/words.ts"

/** One `--network`, short (`name`) or long (`name=x,alias=y,…`). */
export interface NetworkWish {
  readonly target: string
  readonly aliases: readonly string[]
  readonly links: readonly string[]
  readonly linkLocalIps: readonly string[]
  readonly driverOptions: Readonly<Record<string, string>>
  readonly ip: string
  readonly ip6: string
  readonly macAddress: string
  readonly gatewayPriority: number
}

/** A network with nothing asked for but its name. */
export const plainNetwork = (target: string): NetworkWish => ({
  target,
  aliases: [],
  links: [],
  linkLocalIps: [],
  driverOptions: {},
  ip: "",
  ip6: "",
  macAddress: "",
  gatewayPriority: 0,
})

type Setter = (wish: NetworkWish, value: string) => Partial<NetworkWish>

const setters: Readonly<Record<string, Setter>> = {
  name: (_wish, target) => ({ target }),
  alias: (wish, value) => ({ aliases: [...wish.aliases, value] }),
  ip: (_wish, ip) => ({ ip }),
  ip6: (_wish, ip6) => ({ ip6 }),
  "mac-address": (_wish, macAddress) => ({ macAddress }),
  "link-local-ip": (wish, value) => ({ linkLocalIps: [...wish.linkLocalIps, value] }),
  "driver-opt": (wish, value) => {
    const [name, setting] = cut(value, "=")
    if (setting === undefined || name === "") throw new Error("invalid key value pair format in driver options")
    return { driverOptions: { ...wish.driverOptions, [name.trim().toLowerCase()]: setting.trim() } }
  },
  "gw-priority": (_wish, value) => {
    try {
      return { gatewayPriority: Number(parseDecimal(value, 64, true)) }
    } catch (error) {
      throw new Error(`invalid gw-priority (${value}): ${(error as Error).message.split(": ").at(-1)}`)
    }
  },
}

/** Parses one `--network`. @throws Error in Docker's words */
export function parseNetwork(text: string): NetworkWish {
  if (!/\w+=\w+(,\w+=\w+)*/.test(text)) return plainNetwork(text)
  let wish = plainNetwork("")
  for (const field of csvFields(text)) {
    const [written, value] = cut(field, "=")
    if (value === undefined || written === "") throw new Error(`invalid field ${field}`)
    const key = written.trim().toLowerCase()
    const set = setters[key]
    if (!set) throw new Error(`invalid field key ${key}`)
    wish = { ...wish, ...set(wish, value.trim()) }
  }
  if (wish.target === "") throw new Error("network name/id is not specified")
  return wish
}
