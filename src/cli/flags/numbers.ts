import { parseBytes } from "../../std/byte-size.ts"
import { parseDuration } from "../../std/duration.ts"
import { type Int64, narrowest } from "../../std/json.ts"
import { parseInteger } from "../../std/strconv.ts"
import { custom, type Flag, type Options } from "./flag.ts"

/** A whole number of 64 bits. */
export const int = (short: string, usage: string, initial = 0, options: Options = {}): Flag<number> =>
  custom(short, usage, "int", initial, (value) => Number(parseInteger(value, 64, true)), {
    ...(initial ? { shownDefault: String(initial) } : {}),
    ...options,
  })

/** A whole number of 64 bits that may be too large for a `number`. */
export const int64 = (short: string, usage: string, options: Options = {}): Flag<Int64> =>
  custom<Int64>(short, usage, "int", 0, (value) => narrowest(parseInteger(value, 64, true)), options)

/** A whole number from 0 to 65535. */
export const uint16 = (short: string, usage: string): Flag<number> =>
  custom(short, usage, "uint16", 0, (value) => Number(parseInteger(value, 16, false)), { shownDefault: "0" })

/** A size in bytes, 0 when not given. */
export const bytes = (short: string, usage: string, options: Options = {}): Flag<Int64> =>
  custom<Int64>(short, usage, "bytes", 0, (value) => parseBytes(value), options)

/** A size in bytes, or -1 for no limit. */
export const swapBytes = (short: string, usage: string): Flag<Int64> =>
  custom<Int64>(short, usage, "bytes", 0, (value) => (value === "-1" ? -1 : parseBytes(value)))

/** A duration in nanoseconds. */
export const duration = (short: string, usage: string): Flag<Int64> =>
  custom<Int64>(short, usage, "duration", 0, (value) => narrowest(parseDuration(value)), { shownDefault: "0s" })
