import type { RestartPolicy, ThrottleDevice, Ulimit, WeightDevice } from "../api/container-config.ts"
import { Failure } from "../errors/failure.ts"
import { parseBytes } from "../std/byte-size.ts"
import { type Int64, narrowest } from "../std/json.ts"
import { parseDecimal } from "../std/strconv.ts"
import { cut } from "./words.ts"

/** The limits of setrlimit(2) by the names that Docker gives them. */
export const ulimitNames: readonly string[] =
  "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(" ")

const refuse = (why: string) => new Failure("invalidArgument", why)

/** Parses one `--ulimit name=soft[:hard]`. @throws invalidArgument in Docker's words */
export function parseUlimit(text: string): Ulimit {
  const [name, limits] = cut(text, "=")
  if (limits === undefined) throw refuse(`invalid ulimit argument: ${text}`)
  if (!ulimitNames.includes(name)) throw refuse(`invalid ulimit type: ${name}`)
  const values = limits.split(":")
  if (values.length > 2)
    throw refuse(`too many limit value arguments - ${limits}, can only have up to two, \`soft[:hard]\``)
  const soft = Number(parseDecimal(values[0]!, 64, true))
  const hard = values[1] === undefined ? soft : Number(parseDecimal(values[1], 64, true))
  const order = "ulimit soft limit must be less than or equal to hard limit"
  if (hard !== -1 && soft === -1) throw refuse(`${order}: soft: -1 (unlimited), hard: ${hard}`)
  if (hard !== -1 && soft > hard) throw refuse(`${order}: ${soft} > ${hard}`)
  return { Name: name, Hard: hard, Soft: soft }
}

function splitDevice(text: string): readonly [path: string, value: string] {
  const [path, value] = cut(text, ":")
  if (value === undefined || path === "") throw refuse(`bad format: ${text}`)
  if (!path.startsWith("/dev/")) throw refuse(`bad format for device path: ${text}`)
  return [path, value]
}

/** Parses one `--blkio-weight-device path:weight`. @throws invalidArgument in Docker's words */
export function parseWeightDevice(text: string): WeightDevice {
  const [Path, value] = splitDevice(text)
  const Weight = /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (!(Weight === 0 || (Weight >= 10 && Weight <= 1000))) throw refuse(`invalid weight for device: ${text}`)
  return { Path, Weight }
}

/** Parses one `--device-read-bps path:bytes`. @throws invalidArgument in Docker's words */
export const parseByteRate = (text: string): ThrottleDevice =>
  throttle(
    text,
    parseBytes,
    "<device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb",
  )

/** Parses one `--device-read-iops path:operations`. @throws invalidArgument in Docker's words */
export const parseOperationRate = (text: string): ThrottleDevice =>
  throttle(
    text,
    (value) => Number(parseDecimal(value, 64, false)),
    "<device-path>:<number>. Number must be a positive integer",
  )

function throttle(text: string, parseRate: (value: string) => Int64, form: string): ThrottleDevice {
  const [Path, value] = splitDevice(text)
  try {
    return { Path, Rate: parseRate(value) }
  } catch {
    throw refuse(`invalid rate for device: ${text}. The correct format is ${form}`)
  }
}

/** Parses `--restart`. @throws invalidArgument in Docker's words */
export function parseRestart(text: string): RestartPolicy {
  const [name, count] = cut(text, ":")
  if (text !== "" && name === "") throw refuse("invalid restart policy format: no policy provided before colon")
  if (count !== undefined && !/^[+-]?\d+$/.test(count))
    throw refuse("invalid restart policy format: maximum retry count must be an integer")
  return { Name: name as RestartPolicy["Name"], MaximumRetryCount: Number(count ?? 0) }
}

/** Billionths of a decimal or a ratio: `--cpus 1.5`. @throws invalidArgument in Docker's words */
export function parseNano(text: string): Int64 {
  const decimal = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text)
  const ratio = /^([+-]?\d+)\/(\d+)$/.exec(text)
  let numerator: bigint
  let denominator = 1n
  if (ratio && BigInt(ratio[2]!) > 0n) {
    numerator = BigInt(ratio[1]!)
    denominator = BigInt(ratio[2]!)
  } else if (decimal && (decimal[2] || decimal[3]) && Math.abs(Number(decimal[4] ?? 0)) <= 400) {
    const exponent = Number(decimal[4] ?? 0) - (decimal[3]?.length ?? 0)
    numerator = BigInt(`${decimal[2] ?? ""}${decimal[3] ?? ""}`)
    if (decimal[1] === "-") numerator = -numerator
    if (exponent >= 0) numerator *= 10n ** BigInt(exponent)
    else denominator = 10n ** BigInt(-exponent)
  } else {
    throw refuse(`failed to parse ${text} as a rational number`)
  }
  const nano = numerator * 1_000_000_000n
  if (nano % denominator !== 0n) throw refuse("value is too precise")
  return narrowest(nano / denominator)
}

/** Parses `--umask`: permissions that are taken away, in octal (`022`; `0o22` is no number here). @throws invalidArgument */
export function parseUmask(text: string): number {
  if (/^[0-7]{1,10}$/.test(text)) return Number.parseInt(text, 8)
  throw refuse(`strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`)
}
