import type { RestartPolicy, ThrottleDevice, Ulimit, WeightDevice } from "../../api/container-config.ts"
import type { Int64 } from "../../std/json.ts"
import { custom, type Flag } from "../flags/flag.ts"
import { parseBytes, parseDecimal } from "../flags/numbers.ts"
import { cut } from "../flags/words.ts"

const ulimitNames =
  "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(" ")

/** Parses one `--ulimit name=soft[:hard]`. @throws Error in Docker's words */
export function parseUlimit(text: string): Ulimit {
  const [name, limits] = cut(text, "=")
  if (limits === undefined) throw new Error(`invalid ulimit argument: ${text}`)
  if (!ulimitNames.includes(name)) throw new Error(`invalid ulimit type: ${name}`)
  const values = limits.split(":")
  if (values.length > 2)
    throw new Error(`too many limit value arguments - ${limits}, can only have up to two, \`soft[:hard]\``)
  const soft = Number(parseDecimal(values[0]!, 64, true))
  const hard = values[1] === undefined ? soft : Number(parseDecimal(values[1], 64, true))
  const order = "ulimit soft limit must be less than or equal to hard limit"
  if (hard !== -1 && soft === -1) throw new Error(`${order}: soft: -1 (unlimited), hard: ${hard}`)
  if (hard !== -1 && soft > hard) throw new Error(`${order}: ${soft} > ${hard}`)
  return { Name: name, Hard: hard, Soft: soft }
}

/** Limits by name; a later one replaces an earlier one of its name. */
export const ulimits = (usage: string): Flag<readonly Ulimit[]> =>
  custom<readonly Ulimit[]>(
    "",
    usage,
    "ulimit",
    [],
    (text, before) => {
      const limit = parseUlimit(text)
      return [...before.filter((each) => each.Name !== limit.Name), limit].sort((one, other) =>
        one.Name < other.Name ? -1 : 1,
      )
    },
    { shownDefault: "[]" },
  )

function splitDevice(text: string): readonly [path: string, value: string] {
  const [path, value] = cut(text, ":")
  if (value === undefined || path === "") throw new Error(`bad format: ${text}`)
  if (!path.startsWith("/dev/")) throw new Error(`bad format for device path: ${text}`)
  return [path, value]
}

/** `--blkio-weight-device path:weight` */
export const weightDevices = (usage: string): Flag<readonly WeightDevice[]> =>
  custom<readonly WeightDevice[]>(
    "",
    usage,
    "list",
    [],
    (text, before) => {
      const [Path, value] = splitDevice(text)
      const Weight = /^\d+$/.test(value) ? Number(value) : Number.NaN
      if (!(Weight === 0 || (Weight >= 10 && Weight <= 1000))) throw new Error(`invalid weight for device: ${text}`)
      return [...before, { Path, Weight }]
    },
    { shownDefault: "[]" },
  )

const throttles = (usage: string, parseRate: (value: string) => Int64, form: string): Flag<readonly ThrottleDevice[]> =>
  custom<readonly ThrottleDevice[]>(
    "",
    usage,
    "list",
    [],
    (text, before) => {
      const [Path, value] = splitDevice(text)
      try {
        return [...before, { Path, Rate: parseRate(value) }]
      } catch {
        throw new Error(`invalid rate for device: ${text}. The correct format is ${form}`)
      }
    },
    { shownDefault: "[]" },
  )

/** `--device-read-bps path:bytes` */
export const byteRates = (usage: string): Flag<readonly ThrottleDevice[]> =>
  throttles(
    usage,
    parseBytes,
    "<device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb",
  )

/** `--device-read-iops path:operations` */
export const operationRates = (usage: string): Flag<readonly ThrottleDevice[]> =>
  throttles(
    usage,
    (value) => Number(parseDecimal(value, 64, false)),
    "<device-path>:<number>. Number must be a positive integer",
  )

/** Parses `--restart`. @throws Error in Docker's words */
export function parseRestart(text: string): RestartPolicy {
  const [name, count] = cut(text, ":")
  if (text !== "" && name === "") throw new Error("invalid restart policy format: no policy provided before colon")
  if (count !== undefined && !/^[+-]?\d+$/.test(count))
    throw new Error("invalid restart policy format: maximum retry count must be an integer")
  return { Name: name as RestartPolicy["Name"], MaximumRetryCount: Number(count ?? 0) }
}
