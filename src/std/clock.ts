let anchorNanos = 0n
let anchorTicks = 0n
let last = 0n

/**
 * Nanoseconds since the epoch: the wall clock's value, interpolated by the monotonic clock, strictly increasing within
 * the process. It is never behind the wall clock's milliseconds, so that what happens after somebody looked at that is
 * later, and follows it again when it is more than 3 ms ahead (the clock was set).
 */
export function nowNanos(): bigint {
  const ticks = process.hrtime.bigint()
  let now = anchorNanos + (ticks - anchorTicks)
  const wall = BigInt(Date.now()) * 1_000_000n
  const drift = now - wall
  if (drift > 3_000_000n || drift < 0n) {
    anchorNanos = wall
    anchorTicks = ticks
    now = wall
  }
  if (now <= last && last - now < 1_000_000_000n) now = last + 1n
  last = now
  return now
}

/** RFC 3339 with up to nine fractional digits, trailing zeros trimmed, in UTC (Go's RFC3339Nano). */
export function formatNanos(nanos: bigint): string {
  const rest = ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  const seconds = (nanos - rest) / 1_000_000_000n
  const base = new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
  const fraction = rest === 0n ? "" : `.${rest.toString().padStart(9, "0").replace(/0+$/, "")}`
  return `${base}${fraction}Z`
}

/** Characters of {@link formatNanosFixed}. */
export const fixedNanosLength = "2006-01-02T15:04:05.000000000Z".length

/** RFC 3339 with exactly nine fractional digits: the form of `docker logs --timestamps`. */
export function formatNanosFixed(nanos: bigint): string {
  const base = new Date(Number(nanos / 1_000_000_000n) * 1000).toISOString().slice(0, 19)
  return `${base}.${(nanos % 1_000_000_000n).toString().padStart(9, "0")}Z`
}

/** The nanoseconds of an RFC 3339 time. @returns undefined when `text` is not one */
export function parseNanos(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|z|[+-]\d\d:\d\d)$/.exec(text)
  if (!match) return undefined
  const millis = Date.parse(`${match[1]}T${match[2]}${match[4]!.toUpperCase()}`)
  if (Number.isNaN(millis)) return undefined
  return BigInt(millis) * 1_000_000n + BigInt((match[3] ?? "").padEnd(9, "0") || "0")
}

/** Go's zero time, what Docker prints for "never". */
export const zeroTime = "0001-01-01T00:00:00Z"
