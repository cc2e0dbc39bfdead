import { floatText } from "../../std/template/value.ts"

export { bytesSize, humanSize } from "../../std/human-size.ts"

/** How long something took or is ago, for people; `seconds` may have a fraction. */
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

/** A Go duration as it prints itself: `1h2m3.5s`; of nanoseconds. */
export function goDuration(nanos: number): string {
  if (nanos === 0) return "0s"
  const sign = nanos < 0 ? "-" : ""
  const value = Math.abs(nanos)
  if (value < 1e3) return `${sign}${value}ns`
  if (value < 1e6) return `${sign}${floatText(value / 1e3)}µs`
  if (value < 1e9) return `${sign}${floatText(value / 1e6)}ms`
  const hours = Math.floor(value / 3600e9)
  const minutes = Math.floor((value % 3600e9) / 60e9)
  const seconds = floatText((value % 60e9) / 1e9)
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}s`
  return minutes > 0 ? `${sign}${minutes}m${seconds}s` : `${sign}${seconds}s`
}
