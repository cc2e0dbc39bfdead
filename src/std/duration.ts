import { Failure } from "../errors/failure.ts"

const goUnits: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
}
const longUnits: typeof goUnits = { ...goUnits, d: 86_400_000_000_000n, w: 604_800_000_000_000n }

/**
 * Nanoseconds of a duration in Go's spelling, which is Docker's too: `1h30m`, `1.5s`, `-5ms`; a number without a unit is
 * refused, but for `0`.
 * @throws invalidArgument in the words of Go's time.ParseDuration
 */
export const parseDuration = (text: string): bigint => parse(text, goUnits)

/**
 * Nanoseconds of a duration in the spelling that service units have (systemd.time(7)): as {@link parseDuration}, with days
 * and weeks (`30d`, `1w2d`), and a number without a unit means seconds. `m` is minutes; months and years are refused.
 * @throws invalidArgument
 */
export const parseTimeSpan = (text: string): bigint => parse(/^\d+(\.\d+)?$/.test(text) ? `${text}s` : text, longUnits)

function parse(text: string, units: typeof goUnits): bigint {
  const fail = (why: string) => new Failure("invalidArgument", `time: ${why} duration ${JSON.stringify(text)}`)
  const sign = /^[+-]/.test(text) ? text[0] : ""
  let rest = text.slice(sign ? 1 : 0)
  if (rest === "0") return 0n
  if (rest === "") throw fail("invalid")
  let total = 0n
  while (rest) {
    const number = /^(\d*)(?:\.(\d*))?/.exec(rest)!
    const [whole, fraction] = [number[1] ?? "", number[2] ?? ""]
    if (!whole && !fraction) throw fail("invalid")
    rest = rest.slice(number[0].length)
    const unit = /^[^\d.]*/.exec(rest)![0]
    if (!unit) throw fail("missing unit in")
    const scale = units[unit]
    if (!scale) throw fail(`unknown unit ${JSON.stringify(unit)} in`)
    total += BigInt(whole || "0") * scale
    if (fraction) total += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length)
    if (total > 0x7fffffffffffffffn) throw fail("invalid")
    rest = rest.slice(unit.length)
  }
  return sign === "-" ? -total : total
}

/** A duration of nanoseconds as Go prints it: `1h2m3.5s`, `250ms`, `0s`. */
export function formatDuration(nanos: bigint): string {
  if (nanos === 0n) return "0s"
  const sign = nanos < 0n ? "-" : ""
  const value = nanos < 0n ? -nanos : nanos
  if (value < 1_000n) return `${sign}${value}ns`
  if (value < 1_000_000n) return `${sign}${decimal(value, 3)}µs`
  if (value < 1_000_000_000n) return `${sign}${decimal(value, 6)}ms`
  const hours = value / goUnits["h"]!
  const minutes = (value % goUnits["h"]!) / goUnits["m"]!
  const seconds = decimal(value % goUnits["m"]!, 9)
  return `${sign}${hours > 0n ? `${hours}h` : ""}${hours > 0n || minutes > 0n ? `${minutes}m` : ""}${seconds}s`
}

/** A whole number with its last `places` digits behind the point. */
function decimal(value: bigint, places: number): string {
  const digits = value.toString().padStart(places + 1, "0")
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`.replace(/\.?0+$/, "")
}

/** How long something took or is ago, for people, in Docker's words (go-units HumanDuration). `seconds` may have a fraction. */
export function humanDuration(seconds: number): string {
  const whole = Math.trunc(seconds)
  if (whole < 1) return "Less than a second"
  if (whole === 1) return "1 second"
  if (whole < 60) return `${whole} seconds`
  const minutes = Math.trunc(seconds / 60)
  if (minutes === 1) return "About a minute"
  if (minutes < 60) return `${minutes} minutes`
  const hours = Math.trunc(seconds / 3600 + 0.5)
  if (hours === 1) return "About an hour"
  if (hours < 48) return `${hours} hours`
  const days = Math.trunc(hours / 24)
  if (hours < 24 * 7 * 2) return `${days} days`
  if (hours < 24 * 30 * 2) return `${Math.trunc(days / 7)} weeks`
  if (hours < 24 * 365 * 2) return `${Math.trunc(days / 30)} months`
  return `${Math.trunc(Math.trunc(seconds / 3600) / 24 / 365)} years`
}

/** `3 minutes ago`, for a time in seconds since the epoch. */
export const ago = (time: number, now: number = Date.now() / 1000): string => `${humanDuration(now - time)} ago`
