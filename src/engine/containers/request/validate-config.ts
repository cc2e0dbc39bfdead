import type { ContainerConfig, HealthConfig } from "../../../api/container-config.ts"
import { Failure } from "../../../errors/failure.ts"
import { signalNumber } from "./signal-number.ts"

const refuse = (message: string) => new Failure("invalidArgument", message)

/** Checks what runs: environment, directory, stop signal, health check. @throws invalidArgument in Docker's words */
export function validateConfig(config: ContainerConfig): void {
  for (const line of config.Env ?? [])
    if (line === "" || line.startsWith("=")) throw refuse(`invalid environment variable: ${line}`)
  if (config.WorkingDir && !config.WorkingDir.startsWith("/"))
    throw refuse(`the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`)
  if (config.StopSignal) signalNumber(config.StopSignal)
  for (const [what, name] of [
    ["hostname", config.Hostname],
    ["domainname", config.Domainname],
  ] as const)
    if (Buffer.byteLength(name) > longestName)
      throw refuse(`invalid ${what}: ${name} is longer than ${longestName} bytes`)
  if (config.Healthcheck) validateHealth(config.Healthcheck)
}

/** Bytes of a host name or domain name that the kernel takes (sethostname(2)). */
const longestName = 64

/** Nanoseconds: the shortest time of a health check, 0 apart, which inherits. */
const shortest = 1_000_000

function validateHealth(health: HealthConfig): void {
  const checkTime = (name: "Interval" | "Timeout" | "StartPeriod" | "StartInterval") => {
    const time = Number(health[name] ?? 0)
    if (time !== 0 && time < shortest) throw refuse(`${name} in Healthcheck cannot be less than 1ms`)
  }
  checkTime("Interval")
  checkTime("Timeout")
  if ((health.Retries ?? 0) < 0) throw refuse("Retries in Healthcheck cannot be negative")
  checkTime("StartPeriod")
  checkTime("StartInterval")
}
