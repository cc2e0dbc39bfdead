import type { ThrottleDevice, Ulimit, WeightDevice } from "../../api/container-config.ts"
import {
  parseByteRate,
  parseNano,
  parseOperationRate,
  parseUlimit,
  parseUmask,
  parseWeightDevice,
} from "../../flag-values/limits.ts"
import type { Int64 } from "../../std/json.ts"
import { custom, type Flag } from "../flags/flag.ts"

/** Limits by name; a later one replaces an earlier one of its name. */
export const ulimits = (usage: string): Flag<readonly Ulimit[]> =>
  custom<readonly Ulimit[]>(
    "",
    usage,
    "ulimit",
    [],
    (text, before) => {
      const limit = parseUlimit(text)
      return [...before.filter((each) => each.Name !== limit.Name), limit].sort((one, other) =>
        one.Name < other.Name ? -1 : 1,
      )
    },
    { shownDefault: "[]" },
  )

/** Every value, in order, as `parse` reads it. */
const each =
  <T>(parse: (text: string) => T) =>
  (usage: string): Flag<readonly T[]> =>
    custom<readonly T[]>("", usage, "list", [], (text, before) => [...before, parse(text)], { shownDefault: "[]" })

/** `--blkio-weight-device path:weight` */
export const weightDevices: (usage: string) => Flag<readonly WeightDevice[]> = each(parseWeightDevice)

/** `--device-read-bps path:bytes` */
export const byteRates: (usage: string) => Flag<readonly ThrottleDevice[]> = each(parseByteRate)

/** `--device-read-iops path:operations` */
export const operationRates: (usage: string) => Flag<readonly ThrottleDevice[]> = each(parseOperationRate)

/** Permissions that are taken away; nothing when it is not given. */
export const umask = (usage: string): Flag<number | undefined> =>
  custom<number | undefined>("", usage, "umask", undefined, parseUmask)

/** Billionths of a decimal number. */
export const decimal = (short: string, usage: string): Flag<Int64> =>
  custom<Int64>(short, usage, "decimal", 0, (value) => parseNano(value))
