import { posix } from "node:path"
import type { DeviceMapping, DeviceRequest } from "../../api/container-config.ts"
import { csvFields, cut, keyValues } from "../flags/words.ts"

const cdiName = /^[A-Za-z][A-Za-z0-9_.-]*\/[A-Za-z][A-Za-z0-9_-]*=[A-Za-z0-9]/

/** What `--device` words ask for: devices of the host, or names of the Container Device Interface. @throws Error in Docker's words */
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
  if (parts.length > 3 || host === "") throw new Error(`bad format for path: ${word}`)
  if (mode !== undefined && !isMode(mode)) throw new Error(`bad mode specified: ${mode}`)
  const modeOnly = mode === undefined && second !== undefined && isMode(second)
  const inside = second === undefined || modeOnly ? host : second
  if (!posix.isAbsolute(inside)) throw new Error(`${inside} is not an absolute path`)
  return {
    PathOnHost: host,
    PathInContainer: posix.normalize(inside),
    CgroupPermissions: mode ?? (modeOnly ? second : "rwm"),
  }
}

const isMode = (text: string) => /^[rwm]+$/.test(text) && new Set(text).size === text.length

/** Parses one `--gpus`. @throws Error in Docker's words */
export function parseGpus(text: string): DeviceRequest {
  const seen = new Map<string, string>()
  for (const field of csvFields(text)) {
    const [key, value] = cut(field, "=")
    const name = value === undefined ? "count" : key
    if (seen.has(name)) throw new Error(`gpu request key '${name}' can be specified only once`)
    if (!["driver", "count", "device", "capabilities", "options"].includes(name))
      throw new Error(`unexpected key '${key}' in '${field}'`)
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
    throw new Error(`invalid count (${text}): value must be either "all" or an integer: invalid syntax`)
  return Number(text)
}
