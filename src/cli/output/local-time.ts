import { parseNanos } from "../../std/clock.ts"

const pad = (value: number, digits = 2) => String(value).padStart(digits, "0")

const zone = (date: Date) => {
  const minutes = -date.getTimezoneOffset()
  const magnitude = Math.abs(minutes)
  return { sign: minutes < 0 ? "-" : "+", hours: pad(Math.floor(magnitude / 60)), minutes: pad(magnitude % 60) }
}

const day = (date: Date) => `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`
const clock = (date: Date) => `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`

/** The local zone's abbreviation as Go prints it (`UTC`, `CEST`, or `+03` where a zone has none). */
function zoneName(date: Date): string {
  if (date.getTimezoneOffset() === 0) {
    const name = process.env["TZ"] || Intl.DateTimeFormat().resolvedOptions().timeZone
    if (/^(Etc\/)?(UTC|UCT|Universal|Zulu)$/.test(name) || name === "") return "UTC"
  }
  const shown = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" })
    .formatToParts(date)
    .find((part) => part.type === "timeZoneName")?.value
  const { sign, hours, minutes } = zone(date)
  const american = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" })
    .formatToParts(date)
    .find((part) => part.type === "timeZoneName")?.value
  for (const name of [shown, american]) if (name && !/^(GMT|UTC)[+-]/.test(name)) return name
  return sign + hours + (minutes === "00" ? "" : minutes)
}

/** Seconds since the epoch as Go prints a local time: `2026-11-24 04:15:16 +0000 UTC`. */
export function goTime(seconds: number): string {
  const date = new Date(seconds * 1000)
  const { sign, hours, minutes } = zone(date)
  return `${day(date)} ${clock(date)} ${sign}${hours}${minutes} ${zoneName(date)}`
}

/** Seconds since the epoch as local RFC 3339: `2026-11-24T04:15:16Z`. */
export function localRfc3339(seconds: number): string {
  const date = new Date(seconds * 1000)
  const { sign, hours, minutes } = zone(date)
  return `${day(date)}T${clock(date)}${date.getTimezoneOffset() === 0 ? "Z" : `${sign}${hours}:${minutes}`}`
}

/** Nanoseconds since the epoch as local RFC 3339 with nine digits, the form of event lines. */
export function localRfc3339Nano(nanos: bigint): string {
  const seconds = Number(nanos / 1_000_000_000n)
  const fraction = (nanos % 1_000_000_000n).toString().padStart(9, "0")
  return localRfc3339(seconds).replace(/(Z|[+-]\d\d:\d\d)$/, `.${fraction}$1`)
}

/** An RFC 3339 time as Go prints it, in the zone it was written in: `2026-11-24 04:05:26.401151 +0000 UTC`. */
export function goTimeOf(text: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(text)
  if (!match || parseNanos(text) === undefined) return text
  const fraction = match[3]?.replace(/0+$/, "")
  const offset = match[4] === "Z" ? "+0000" : match[4]!.replace(":", "")
  return `${match[1]} ${match[2]}${fraction ? `.${fraction}` : ""} ${offset} ${match[4] === "Z" ? "UTC" : offset}`
}

/** An RFC 3339 time as ANSI C's asctime, what `docker version` shows: `Thu May  7 21:09:36 2026`, in UTC. */
export function asctime(text: string): string {
  const nanos = parseNanos(text)
  if (nanos === undefined) return text
  const date = new Date(Number(nanos / 1_000_000n))
  const [weekday, month] = [
    ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][date.getUTCDay()]!,
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][date.getUTCMonth()]!,
  ]
  return `${weekday} ${month} ${String(date.getUTCDate()).padStart(2)} ${date.toISOString().slice(11, 19)} ${date.getUTCFullYear()}`
}

const weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

/** An RFC 3339 time as C's asctime prints it, in UTC: `Fri May 30 12:07:14 2025`. What is no time stays as it is. */
export function ansicTime(text: string): string {
  const date = new Date(text)
  if (Number.isNaN(date.getTime())) return text
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map((part) => pad(part)).join(":")
  const dayOfMonth = String(date.getUTCDate()).padStart(2)
  return `${weekdays[date.getUTCDay()]} ${months[date.getUTCMonth()]} ${dayOfMonth} ${time} ${date.getUTCFullYear()}`
}
