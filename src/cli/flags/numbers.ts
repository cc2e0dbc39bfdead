import type { Int64 } from "../../std/json.ts"
import { custom, type Flag, type Options } from "./flag.ts"

const narrow = (value: bigint): Int64 =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(value) : value

/** Go's strconv.ParseInt and ParseUint with base 10. @throws Error in their words */
export function parseDecimal(text: string, bits: number, signed: boolean): bigint {
  const plain = /^[+-]?\d+$/.test(text) ? text.replace(/^([+-]?)0+(?=\d)/, "$1") : `${text}?`
  try {
    return parseInteger(plain, bits, signed)
  } catch (error) {
    throw new Error((error as Error).message.replace(JSON.stringify(plain), () => JSON.stringify(text)))
  }
}

/** Go's strconv.ParseInt and ParseUint with base 0. @throws Error in their words */
export function parseInteger(text: string, bits: number, signed: boolean): bigint {
  const call = signed ? "strconv.ParseInt" : "strconv.ParseUint"
  const fail = (what: string) => new Error(`${call}: parsing ${JSON.stringify(text)}: ${what}`)
  const match = /^([+-]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9][0-9]*)$/.exec(
    text.replace(/(?<=[0-9a-fA-F])_/g, ""),
  )
  if (!match || (!signed && match[1])) throw fail("invalid syntax")
  const digits = /^0[0-7]+$/.test(match[2]!) ? `0o${match[2]!.slice(1)}` : match[2]!
  const value = match[1] === "-" ? -BigInt(digits) : BigInt(digits)
  const high = 1n << BigInt(signed ? bits - 1 : bits)
  if (value >= high || value < (signed ? -high : 0n)) throw fail("value out of range")
  return value
}

/** A whole number of 64 bits. */
export const int = (short: string, usage: string, initial = 0, options: Options = {}): Flag<number> =>
  custom(short, usage, "int", initial, (value) => Number(parseInteger(value, 64, true)), {
    ...(initial ? { shownDefault: String(initial) } : {}),
    ...options,
  })

/** A whole number of 64 bits that may be too large for a `number`. */
export const int64 = (short: string, usage: string, options: Options = {}): Flag<Int64> =>
  custom<Int64>(short, usage, "int", 0, (value) => narrow(parseInteger(value, 64, true)), options)

/** A whole number from 0 to 65535. */
export const uint16 = (short: string, usage: string): Flag<number> =>
  custom(short, usage, "uint16", 0, (value) => Number(parseInteger(value, 16, false)), { shownDefault: "0" })

/** Permissions that are taken away, in octal (`022`, `0o22` is no number here). Nothing when it is not given. */
export const umask = (usage: string): Flag<number | undefined> =>
  custom<number | undefined>("", usage, "umask", undefined, (value) => {
    if (/^[0-7]{1,10}$/.test(value)) return Number.parseInt(value, 8)
    throw new Error(`strconv.ParseUint: parsing ${JSON.stringify(value)}: invalid syntax`)
  })

const sizeUnits: Readonly<Record<string, number>> = { "": 0, b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 }

/** Bytes of `64m`, `1.5GiB`, `100` (binary units, as Docker reads memory sizes). @throws Error in Docker's words */
export function parseBytes(text: string): Int64 {
  const number = /^(\d+\.?\d*|\.\d+) ?(.*)$/s.exec(text)
  if (!number) throw new Error(`invalid size: '${text}'`)
  const suffix = number[2]!.toLowerCase()
  const unit = /^([kmgtp])(?:i?b)?$/.exec(suffix)?.[1] ?? (suffix === "" || suffix === "b" ? "" : undefined)
  if (unit === undefined) throw new Error(`invalid suffix: '${number[2]}'`)
  const [whole = "0", fraction = ""] = number[1]!.split(".")
  const scale = 10n ** BigInt(fraction.length)
  const exponent = BigInt(sizeUnits[unit]!)
  return narrow(((BigInt(whole || "0") * scale + BigInt(fraction || "0")) * 1024n ** exponent) / scale)
}

/** A size in bytes, 0 when not given. */
export const bytes = (short: string, usage: string, options: Options = {}): Flag<Int64> =>
  custom<Int64>(short, usage, "bytes", 0, (value) => parseBytes(value), options)

/** A size in bytes, or -1 for no limit. */
export const swapBytes = (short: string, usage: string): Flag<Int64> =>
  custom<Int64>(short, usage, "bytes", 0, (value) => (value === "-1" ? -1 : parseBytes(value)))

const durationUnits: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
}

/** Nanoseconds of Go's duration words (`1h30m`, `1.5s`). @throws Error in Go's words */
export function parseDuration(text: string): bigint {
  const quoted = JSON.stringify(text)
  const sign = /^[+-]/.test(text) ? text[0] : ""
  let rest = text.slice(sign ? 1 : 0)
  if (rest === "0") return 0n
  if (rest === "") throw new Error(`time: invalid duration ${quoted}`)
  let total = 0n
  while (rest) {
    const number = /^(\d*)(?:\.(\d*))?/.exec(rest)!
    const [whole, fraction] = [number[1] ?? "", number[2] ?? ""]
    if (!whole && !fraction) throw new Error(`time: invalid duration ${quoted}`)
    rest = rest.slice(number[0].length)
    const unit = /^[^\d.]*/.exec(rest)![0]
    if (!unit) throw new Error(`time: missing unit in duration ${quoted}`)
    const scale = durationUnits[unit]
    if (!scale) throw new Error(`time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`)
    total += BigInt(whole || "0") * scale
    if (fraction) total += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length)
    if (total > 0x7fffffffffffffffn) throw new Error(`time: invalid duration ${quoted}`)
    rest = rest.slice(unit.length)
  }
  return sign === "-" ? -total : total
}

/** A duration in nanoseconds. */
export const duration = (short: string, usage: string): Flag<Int64> =>
  custom<Int64>(short, usage, "duration", 0, (value) => narrow(parseDuration(value)), { shownDefault: "0s" })

/** Billionths of a decimal (`--cpus 1.5`). @throws Error in Docker's words */
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
    throw new Error(`failed to parse ${text} as a rational number`)
  }
  const nano = numerator * 1_000_000_000n
  if (nano % denominator !== 0n) throw new Error("value is too precise")
  return narrow(nano / denominator)
}

/** Billionths of a decimal number. */
export const decimal = (short: string, usage: string): Flag<Int64> =>
  custom<Int64>(short, usage, "decimal", 0, (value) => parseNano(value))
