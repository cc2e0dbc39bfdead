import { Failure } from "../errors/failure.ts"
import { parseDecimal } from "../std/strconv.ts"
import { csvFields, cut } from "./words.ts"

/** One `--network`, short (`name`) or long (`name=x,alias=y,…`). */
export interface NetworkRequest {
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
export const plainNetwork = (target: string): NetworkRequest => ({
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

type Setter = (request: NetworkRequest, value: string) => Partial<NetworkRequest>

const setters: Readonly<Record<string, Setter>> = {
  name: (_request, target) => ({ target }),
  alias: (request, value) => ({ aliases: [...request.aliases, value] }),
  ip: (_request, ip) => ({ ip }),
  ip6: (_request, ip6) => ({ ip6 }),
  "mac-address": (_request, macAddress) => ({ macAddress }),
  "link-local-ip": (request, value) => ({ linkLocalIps: [...request.linkLocalIps, value] }),
  "driver-opt": (request, value) => {
    const [name, setting] = cut(value, "=")
    if (setting === undefined || name === "")
      throw new Failure("invalidArgument", "invalid key value pair format in driver options")
    return { driverOptions: { ...request.driverOptions, [name.trim().toLowerCase()]: setting.trim() } }
  },
  "gw-priority": (_request, value) => {
    try {
      return { gatewayPriority: Number(parseDecimal(value, 64, true)) }
    } catch (error) {
      throw new Failure(
        "invalidArgument",
        `invalid gw-priority (${value}): ${(error as Error).message.split(": ").at(-1)}`,
      )
    }
  },
}

/** Parses one `--network`. @throws invalidArgument in Docker's words */
export function parseNetwork(text: string): NetworkRequest {
  if (!/\w+=\w+(,\w+=\w+)*/.test(text)) return plainNetwork(text)
  let request = plainNetwork("")
  for (const field of csvFields(text)) {
    const [written, value] = cut(field, "=")
    if (value === undefined || written === "") throw new Failure("invalidArgument", `invalid field ${field}`)
    const key = written.trim().toLowerCase()
    const set = setters[key]
    if (!set) throw new Failure("invalidArgument", `invalid field key ${key}`)
    request = { ...request, ...set(request, value.trim()) }
  }
  if (request.target === "") throw new Failure("invalidArgument", "network name/id is not specified")
  return request
}
