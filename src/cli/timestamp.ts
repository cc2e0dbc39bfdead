import { parseDuration } from "../std/duration.ts"

const dateTime = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?(Z|z|[+-]\d\d:\d\d)?$/

/**
 * What `--since` and `--until` mean, as the API wants it (`seconds.nanoseconds`): a duration before `now` (nanoseconds
 * since the epoch), a date with or without time and zone (the local one otherwise), or seconds since the epoch.
 *
 * @throws Error in docker's words
 */
export function apiTimestamp(text: string, now: bigint): string {
  const duration = durationOf(text)
  if (duration !== undefined) return stamp(now - duration)
  const date = dateTime.exec(text)
  if (date) {
    const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", zone] = date
    const written = `${year}-${month}-${day}T${hour}:${minute}:${second}${zone?.toUpperCase() ?? ""}`
    const millis = Date.parse(written)
    if (!Number.isNaN(millis)) return stamp(BigInt(millis) * 1_000_000n + BigInt(fraction.padEnd(9, "0")))
  }
  if (/^\d+(\.\d+)?$/.test(text)) return text
  throw new Error(`failed to parse value as time or duration: ${JSON.stringify(text)}`)
}

function durationOf(text: string): bigint | undefined {
  if (text === "0" || text === "") return undefined
  try {
    return parseDuration(text)
  } catch {
    return undefined
  }
}

const stamp = (nanos: bigint) => `${nanos / 1_000_000_000n}.${(nanos % 1_000_000_000n).toString().padStart(9, "0")}`
