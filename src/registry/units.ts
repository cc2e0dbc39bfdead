import { Failure } from "../errors/failure.ts"
import { parseBytes } from "../std/byte-size.ts"
import { parseTimeSpan } from "../std/duration.ts"

/** Bytes of a setting: a number, or `10G`, `10GB`, `10GiB` (powers of 1024). @param what the setting's name @throws invalidArgument */
export function sizeSetting(value: unknown, what: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value
  const refuse = (cause?: unknown) =>
    new Failure("invalidArgument", `${what}: ${JSON.stringify(value)} is no size; write bytes or 10GB`, cause)
  if (typeof value !== "string") throw refuse()
  try {
    return Number(parseBytes(value.trim()))
  } catch (error) {
    throw refuse(error)
  }
}

/** Milliseconds of a setting: `90s`, `12h`, `30d`, or a number of seconds. @param what the setting's name @throws invalidArgument */
export function durationSetting(value: unknown, what: string): number {
  if (typeof value === "number" && value >= 0) return value * 1000
  const refuse = (cause?: unknown) => {
    const hint = "write 90s, 15m, 12h or 30d"
    return new Failure("invalidArgument", `${what}: ${JSON.stringify(value)} is no duration; ${hint}`, cause)
  }
  if (typeof value !== "string") throw refuse()
  let nanos: bigint
  try {
    nanos = parseTimeSpan(value.trim())
  } catch (error) {
    throw refuse(error)
  }
  if (nanos < 0n) throw refuse()
  return Number(nanos) / 1e6
}
