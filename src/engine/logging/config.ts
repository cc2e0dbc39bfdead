import { join } from "node:path"
import type { LogConfiguration } from "../../api/container-config.ts"
import { Failure, messageOf } from "../../errors/failure.ts"
import type { LogConfig } from "../../shim/contract.ts"
import { parseBytes, parseDecimalBytes } from "../../std/byte-size.ts"
import { parseBool } from "../../std/strconv.ts"
import type { Container } from "../containers/record/container.ts"
import { logDrivers } from "./drivers.ts"
import type { LogOptions } from "./options.ts"
import { checkSubjectOptions, extraAttributes, logSubject } from "./subject.ts"

/** What the daemon's configuration says about logs. */
export interface LogDefaults {
  /** Absent: nobody named one. */
  readonly logDriver?: string
  readonly logOptions: LogOptions
}

/**
 * The driver of containers for which nobody named one: what Docker calls its own, and clients look for before they read
 * logs. Only who names it gets its files of JSON lines, though: otherwise nobody reads them, and lines are kept in the
 * quicker form of `local`.
 */
export const usualDriver = "json-file"

/** Whether a container's driver was named, by its client or by the daemon's configuration. */
export const isDriverNamed = (asked: LogConfiguration, defaults: LogDefaults): boolean =>
  Boolean(asked.Type || defaults.logDriver)

/** Options of every driver: how it is fed, and the copy that is kept for reading. */
const common = ["mode", "max-buffer-size"]
const cache = ["cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"]

/** The complete log configuration of a new container. @throws invalidArgument in Docker's words */
export function checkLogConfig(asked: LogConfiguration, defaults: LogDefaults): LogConfiguration {
  const usual = defaults.logDriver ?? usualDriver
  const type = asked.Type || usual
  const own = asked.Config ?? {}
  const inherited = Object.entries(defaults.logOptions).filter(([key]) => type === usual || cache.includes(key))
  const config = { ...Object.fromEntries(inherited), ...own }
  // Whatever is asked of nothing is granted.
  if (type === "none") return { Type: type, Config: config }
  checkMode(config)
  const driver = logDrivers[type]
  if (!driver) {
    const known = ["none", ...Object.keys(logDrivers)].sort().join(", ")
    throw refuse(`logger: no log driver named '${type}' is registered: use one of ${known}`)
  }
  for (const key of Object.keys(config)) {
    if (common.includes(key) || cache.includes(key) || driver.options.includes(key)) continue
    throw refuse(driver.unknown(key))
  }
  driver.check?.(config)
  checkSubjectOptions(config)
  return { Type: type, Config: config }
}

function checkMode(config: LogOptions): void {
  const { mode = "", "max-buffer-size": buffer } = config
  if (!["", "blocking", "non-blocking"].includes(mode)) throw refuse(`logger: logging mode not supported: ${mode}`)
  if (buffer !== undefined) {
    if (mode !== "non-blocking") {
      throw refuse("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
    }
    try {
      parseBytes(buffer)
    } catch (error) {
      throw refuse(`error parsing option max-buffer-size: ${messageOf(error)}`)
    }
  }
  for (const option of ["cache-disabled", "cache-compress"] as const) {
    const value = config[option]
    if (!value) continue
    try {
      parseBool(value)
    } catch {
      throw refuse(`invalid value for option ${option}: ${value}`)
    }
  }
}

const refuse = (why: string) => new Failure("invalidArgument", why)

/** Whether `docker logs` may read: drivers that send lines away keep a copy, unless told not to. */
export function isReadable({ Type: type, Config: options }: LogConfiguration): boolean {
  if (type === "none") return false
  return !(logDrivers[type]?.open && parseBool(options?.["cache-disabled"] || "false"))
}

/**
 * How the shim is to keep the output. Bounded by default: five files of 10 MB. What a driver sends away is kept in the
 * same way, so that it can be read, and sent later when nobody takes it now.
 */
export function shimLogConfig(container: Container, folder: string): LogConfig {
  const { Type: type, Config } = container.document.hostConfig.LogConfig
  const options = Config ?? {}
  if (logDrivers[type]?.open) {
    return file("framed", join(folder, "container.log"), {
      size: options["cache-max-size"],
      files: options["cache-max-file"],
      compress: options["cache-compress"],
      usualSize: 20_000_000,
    })
  }
  const { logDriverNamed } = container.document
  const bounds = {
    size: options["max-size"],
    files: options["max-file"],
    // Who chooses `local` gets what it does by itself.
    compress: options["compress"] || (type === "local" && logDriverNamed ? "true" : undefined),
    usualSize: 10_000_000,
  }
  if (type !== "json-file" || !logDriverNamed)
    return file(type === "none" ? "none" : "framed", join(folder, "container.log"), bounds)
  const attributes = {
    ...extraAttributes(options, container),
    ...(options["tag"] ? { tag: logSubject(container).tag } : {}),
  }
  return {
    ...file("json-file", join(folder, `${container.id}-json.log`), bounds),
    ...(Object.keys(attributes).length > 0 ? { attributes } : {}),
  }
}

interface Bounds {
  readonly size: string | undefined
  readonly files: string | undefined
  readonly compress: string | undefined
  /** Bytes. */
  readonly usualSize: number
}

function file(format: LogConfig["format"], path: string, { size, files, compress, usualSize }: Bounds): LogConfig {
  const maxFiles = files === undefined ? 5 : Number.parseInt(files, 10)
  return {
    format,
    path,
    maxSize: size === undefined ? usualSize : size === "-1" ? 0 : Number(parseDecimalBytes(size)),
    maxFiles,
    ...(compress && parseBool(compress) && maxFiles > 1 ? { compress: true } : {}),
  }
}
