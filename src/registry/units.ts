import { Failure } from "../errors/failure.ts"

const byteUnits: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }
const timeUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/** Bytes of a number or of `10G`, `10GB`, `10GiB` (powers of 1024). @throws invalidArgument */
export function parseBytes(value: unknown, what: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value
  const match = typeof value === "string" ? /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(value.trim()) : null
  if (!match) throw new Failure("invalidArgument", `${what}: ${JSON.stringify(value)} is no size; write bytes or 10GB`)
  return Math.floor(Number(match[1]) * byteUnits[match[2]!.toLowerCase()]!)
}

/** Milliseconds of `90s`, `12h`, `30d`, or of a number of seconds. @throws invalidArgument */
export function parseDuration(value: unknown, what: string): number {
  if (typeof value === "number" && value >= 0) return value * 1000
  const match = typeof value === "string" ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)?$/.exec(value.trim()) : null
  if (!match) {
    throw new Failure("invalidArgument", `${what}: ${JSON.stringify(value)} is no duration; write 90s, 15m, 12h or 30d`)
  }
  return Number(match[1]) * timeUnits[match[2] ?? "s"]!
}
