/** What the clocks say; nanoseconds since the epoch by milliseconds, and since any instant. */
export interface Clocks {
  wallMillis(): number
  ticks(): bigint
}

/**
 * Makes a clock of nanoseconds since the epoch: the wall clock's milliseconds, interpolated by the monotonic clock, strictly
 * increasing. It is never behind the wall clock's milliseconds, so that what happens after somebody looked at that is
 * later; and never ahead of the wall clock, so that "until now" includes what has happened. When the wall clock is set
 * back it follows within a millisecond of what it has said already.
 */
export function nanosClock({ wallMillis, ticks }: Clocks): () => bigint {
  let anchorNanos = 0n
  let anchorTicks = 0n
  let last = 0n
  return () => {
    // The wall clock first: an interruption between the two looks makes the result late, never early.
    const wall = BigInt(wallMillis()) * 1_000_000n
    const now = ticks()
    let nanos = anchorNanos + (now - anchorTicks)
    const ahead = nanos - wall
    if (ahead >= 1_000_000n || ahead < 0n) {
      anchorNanos = wall
      anchorTicks = now
      nanos = wall
    }
    if (nanos <= last && last - nanos < 1_000_000_000n) nanos = last + 1n
    last = nanos
    return nanos
  }
}

/** Nanoseconds since the epoch: see {@link nanosClock}. Strictly increasing within the process. */
export const nowNanos = nanosClock({ wallMillis: Date.now, ticks: () => process.hrtime.bigint() })

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
