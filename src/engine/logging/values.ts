import { Failure } from "../../errors/failure.ts"

export type LogOptions = Readonly<Record<string, string>>

/** `10m`, `1.5 GiB`, `512`: bytes, units of 1024. @throws invalidArgument */
export function byteSize(text: string): number {
  return sizeIn(text, 1024)
}

/** As {@link byteSize}, units of 1000. @throws invalidArgument */
export function decimalSize(text: string): number {
  return sizeIn(text, 1000)
}

function sizeIn(text: string, base: number): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?$/i.exec(text.trim())
  if (!match) throw new Failure("invalidArgument", `invalid size: '${text}'`)
  return Math.floor(Number(match[1]) * base ** " kmgtp".indexOf(match[2]!.toLowerCase() || " "))
}

/** A boolean as Go parses one. @throws invalidArgument */
export function booleanOption(text: string): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(text)) return true
  if (/^(0|f|F|FALSE|false|False)$/.test(text)) return false
  throw new Failure("invalidArgument", `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)
}

const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/** A duration as Go writes one, in milliseconds. @throws invalidArgument */
export function goDuration(text: string): number {
  const [, sign, rest] = /^([+-]?)(.*)$/.exec(text)!
  const parts = [...rest!.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g)]
  if (rest !== "0" && (parts.length === 0 || parts.map((part) => part[0]).join("") !== rest)) {
    throw new Failure("invalidArgument", `time: invalid duration ${JSON.stringify(text)}`)
  }
  const sum = parts.reduce((total, [, number, unit]) => total + Number(number) * units[unit!]!, 0)
  return sign === "-" ? -sum : sum
}
