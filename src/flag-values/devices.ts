import { posix } from "node:path"
import type { DeviceMapping, DeviceRequest } from "../api/container-config.ts"
import { Failure } from "../errors/failure.ts"
import { csvFields, cut, keyValues } from "./words.ts"

const cdiName = /^[A-Za-z][A-Za-z0-9_.-]*\/[A-Za-z][A-Za-z0-9_-]*=[A-Za-z0-9]/

/** Parses every `--device`: devices of the host, and names of the Container Device Interface. @throws invalidArgument in Docker's words */
export function parseDevices(words: readonly string[]): {
  readonly devices: readonly DeviceMapping[]
  readonly cdi: readonly string[]
} {
  const devices = words.filter((word) => !cdiName.test(word)).map(parseDevice)
  return { devices, cdi: words.filter((word) => cdiName.test(word)) }
}

function parseDevice(word: string): DeviceMapping {
  const parts = word.split(":")
  const [host = "", second, mode] = parts
  if (parts.length > 3 || host === "") throw new Failure("invalidArgument", `bad format for path: ${word}`)
  if (mode !== undefined && !isMode(mode)) throw new Failure("invalidArgument", `bad mode specified: ${mode}`)
  const modeOnly = mode === undefined && second !== undefined && isMode(second)
  const inside = second === undefined || modeOnly ? host : second
  if (!posix.isAbsolute(inside)) throw new Failure("invalidArgument", `${inside} is not an absolute path`)
  return {
    PathOnHost: host,
    PathInContainer: posix.normalize(inside),
    CgroupPermissions: mode ?? (modeOnly ? second : "rwm"),
  }
}

const isMode = (text: string) => /^[rwm]+$/.test(text) && new Set(text).size === text.length

/** Parses one `--gpus`. @throws invalidArgument in Docker's words */
export function parseGpus(text: string): DeviceRequest {
  const seen = new Map<string, string>()
  for (const field of csvFields(text)) {
    const [key, value] = cut(field, "=")
    const name = value === undefined ? "count" : key
    if (seen.has(name)) throw new Failure("invalidArgument", `gpu request key '${name}' can be specified only once`)
    if (!["driver", "count", "device", "capabilities", "options"].includes(name))
      throw new Failure("invalidArgument", `unexpected key '${key}' in '${field}'`)
    if (name === "count") parseCount(value ?? key)
    seen.set(name, value ?? key)
  }
  const count = seen.get("count")
  const devices = seen.get("device")?.split(",")
  const options = seen.get("options")
  return {
    Driver: seen.get("driver") ?? "",
    Count: count === undefined ? (devices ? 0 : 1) : parseCount(count),
    DeviceIDs: devices ?? null,
    Capabilities: [[...(seen.get("capabilities")?.split(",") ?? []), "gpu"]],
    Options: options === undefined ? {} : keyValues(csvFields(options)),
  }
}

function parseCount(text: string): number {
  if (text === "all") return -1
  if (!/^[+-]?\d+$/.test(text))
    throw new Failure(
      "invalidArgument",
      `invalid count (${text}): value must be either "all" or an integer: invalid syntax`,
    )
  return Number(text)
}
