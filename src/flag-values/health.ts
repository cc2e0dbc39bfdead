import type { HealthConfig } from "../api/container-config.ts"
import { Failure } from "../errors/failure.ts"
import type { Int64 } from "../std/json.ts"

/** The flags of a health check. Durations in nanoseconds. */
export interface HealthFlags {
  readonly "health-cmd": string
  readonly "health-interval": Int64
  readonly "health-timeout": Int64
  readonly "health-start-period": Int64
  readonly "health-start-interval": Int64
  readonly "health-retries": number
  readonly "no-healthcheck": boolean
}

const numbers = [
  "health-interval",
  "health-timeout",
  "health-retries",
  "health-start-period",
  "health-start-interval",
] as const

/** The health check that the flags ask for; undefined when they do not mention one. @throws invalidArgument in Docker's words */
export function healthOf(flags: HealthFlags): HealthConfig | undefined {
  const given = flags["health-cmd"] !== "" || numbers.some((name) => flags[name] !== 0)
  if (flags["no-healthcheck"]) {
    if (given) throw new Failure("invalidArgument", "--no-healthcheck conflicts with --health-* options")
    return { Test: ["NONE"] }
  }
  if (!given) return undefined
  const negative = numbers.find((name) => flags[name] < 0)
  if (negative) throw new Failure("invalidArgument", `--${negative} cannot be negative`)
  return {
    Test: flags["health-cmd"] ? ["CMD-SHELL", flags["health-cmd"]] : undefined,
    Interval: flags["health-interval"] || undefined,
    Timeout: flags["health-timeout"] || undefined,
    StartPeriod: flags["health-start-period"] || undefined,
    StartInterval: flags["health-start-interval"] || undefined,
    Retries: flags["health-retries"] || undefined,
  }
}
