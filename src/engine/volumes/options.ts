import { Failure, messageOf } from "../../errors/failure.ts"
import { parseBytes } from "../../std/byte-size.ts"
import type { Int64 } from "../../std/json.ts"

const known = new Set(["type", "o", "device", "size"])
const needed: readonly (readonly [option: string, others: readonly string[]])[] = [
  ["device", ["type"]],
  ["type", ["device"]],
  ["o", ["device", "type"]],
]

/** Checks options of the local driver. @param volume the name, for messages @throws invalidArgument in Docker's words */
export function checkVolumeOptions(volume: string, options: Readonly<Record<string, string>>): void {
  const refuse = (why: string) => new Failure("invalidArgument", `create ${volume}: ${why}`)
  for (const option of Object.keys(options)) {
    if (!known.has(option)) throw refuse(`invalid option: ${JSON.stringify(option)}`)
  }
  const { type, device, size } = options
  if (type === "cifs" && device && /^(\w+:)?\/\/[^/]*:\d+(\/|$)/.test(device)) {
    throw refuse("port not allowed in CIFS device URL, include 'port' in 'o='")
  }
  if (size !== undefined) {
    let bytes: Int64
    try {
      bytes = parseBytes(size)
    } catch (error) {
      throw refuse(messageOf(error))
    }
    if (bytes > 0) throw refuse("quota size requested but no quota support")
  }
  for (const [option, others] of needed) {
    const missing = option in options ? others.find((other) => !(other in options)) : undefined
    if (missing) throw refuse(`missing required option: ${JSON.stringify(missing)}`)
  }
}
