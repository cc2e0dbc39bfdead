import { readFileSync, statSync } from "node:fs"
import type { LogDestination, LogSubject } from "../../core/logging/contract.ts"
import { type FluentdOptions, openFluentd } from "../../core/logging/fluentd.ts"
import { type GelfOptions, openGelf } from "../../core/logging/gelf.ts"
import { openJournald } from "../../core/logging/journald.ts"
import type { TlsOptions } from "../../core/logging/stream-link.ts"
import { openSyslog, type SyslogFormat, type SyslogOptions } from "../../core/logging/syslog.ts"
import { Failure, messageOf } from "../../errors/failure.ts"
import { parseBytes } from "../../std/byte-size.ts"
import { parseDuration } from "../../std/duration.ts"
import { parseBool } from "../../std/strconv.ts"
import type { LogOptions } from "./options.ts"

const refuse = (why: string) => new Failure("invalidArgument", why)

const metadata = ["labels", "labels-regex", "env", "env-regex", "tag"] as const

/** A log driver: its options, and where its lines go when that is not a file of this host. */
export interface LogDriver {
  readonly options: readonly string[]
  /** Checks values. @throws invalidArgument in Docker's words */
  readonly check?: (options: LogOptions) => void
  /** @throws unavailable when nobody is there to take lines */
  readonly open?: (options: LogOptions, subject: LogSubject) => Promise<LogDestination>
  /** What is said of an option that is not known. */
  readonly unknown: (option: string) => string
}

const unknownIn = (driver: string) => (option: string) => `unknown log opt '${option}' for ${driver} log driver`

/** Every log driver by its name. */
export const logDrivers: Readonly<Record<string, LogDriver>> = {
  fluentd: {
    options: [
      ...metadata,
      "fluentd-address",
      "fluentd-async",
      "fluentd-async-connect",
      "fluentd-async-reconnect-interval",
      "fluentd-buffer-limit",
      "fluentd-max-retries",
      "fluentd-request-ack",
      "fluentd-retry-wait",
      "fluentd-sub-second-precision",
      "fluentd-write-timeout",
    ],
    check: fluentdOptions,
    open: (options, subject) => openFluentd(fluentdOptions(options), subject),
    unknown: unknownIn("fluentd"),
  },
  gelf: {
    options: [
      ...metadata,
      "gelf-address",
      "gelf-compression-level",
      "gelf-compression-type",
      "gelf-tcp-max-reconnect",
      "gelf-tcp-reconnect-delay",
    ],
    check: gelfOptions,
    open: (options, subject) => openGelf(gelfOptions(options), subject),
    unknown: (option) => `unknown log opt ${JSON.stringify(option)} for gelf log driver`,
  },
  journald: {
    options: metadata,
    open: (_, subject) => openJournald(subject),
    unknown: unknownIn("journald"),
  },
  "json-file": {
    options: [...metadata, "max-file", "max-size", "compress"],
    check: (options) =>
      checkFile(options, "compress cannot be true when max-file is less than 2 or max-size is not set"),
    unknown: unknownIn("json-file"),
  },
  local: {
    options: ["max-file", "max-size", "compress"],
    check: (options) => checkFile(options, "compression cannot be enabled when max file count is 1"),
    unknown: (option) => `unknown log opt '${option}' for log driver local`,
  },
  syslog: {
    options: [
      ...metadata,
      "syslog-address",
      "syslog-facility",
      "syslog-format",
      "syslog-tls-ca-cert",
      "syslog-tls-cert",
      "syslog-tls-key",
      "syslog-tls-skip-verify",
    ],
    check: syslogOptions,
    open: (options, subject) => openSyslog(withTls(syslogOptions(options), options), subject),
    unknown: unknownIn("syslog"),
  },
}

/** @param nothingRotated what is said when there will be no file to compress */
function checkFile(options: LogOptions, nothingRotated: string): void {
  const { "max-size": size, "max-file": files, compress } = options
  if (size !== undefined && size !== "-1" && parseBytes(size) <= 0) throw refuse("max-size must be a positive number")
  if (files !== undefined) {
    if (!/^[+-]?\d+$/.test(files)) throw refuse(`strconv.Atoi: parsing ${JSON.stringify(files)}: invalid syntax`)
    if (Number(files) < 1) throw refuse("max-file cannot be less than 1")
  }
  if (compress && parseBool(compress) && (size === "-1" || Number(files ?? 5) < 2)) throw refuse(nothingRotated)
}

const facilities =
  "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock local0 local1 local2 local3 local4 local5 local6 local7".split(
    " ",
  )
const namelessFacilities = new Set(["ntp", "audit", "alert", "clock"])

function syslogOptions(options: LogOptions): SyslogOptions {
  const format = options["syslog-format"] ?? ""
  if (!["", "rfc3164", "rfc5424", "rfc5424micro"].includes(format)) throw refuse("Invalid syslog format")
  return {
    target: syslogTarget(options["syslog-address"] ?? ""),
    facility: facilityOf(options["syslog-facility"] || "daemon"),
    format: format as SyslogFormat,
  }
}

function facilityOf(text: string): number {
  const named = namelessFacilities.has(text) ? -1 : facilities.indexOf(text)
  if (named >= 0) return named
  if (/^\d+$/.test(text) && Number(text) <= 23) return Number(text)
  throw refuse("invalid syslog facility")
}

function syslogTarget(address: string): SyslogOptions["target"] {
  if (address === "") return { kind: "local" }
  const url = addressOf(address)
  if (url.scheme === "unix" || url.scheme === "unixgram") {
    if (!statSync(url.path, { throwIfNoEntry: false })) throw refuse(`stat ${url.path}: no such file or directory`)
    return { kind: url.scheme, path: url.path }
  }
  const place = { host: url.host, port: url.port ?? 514 }
  if (url.scheme === "udp" || url.scheme === "tcp") return { kind: url.scheme, ...place }
  if (url.scheme === "tcp+tls") return { kind: "tls", ...place, tls: { skipVerify: false } }
  throw refuse(`unsupported scheme: '${url.scheme}'`)
}

function withTls(parsed: SyslogOptions, options: LogOptions): SyslogOptions {
  if (parsed.target.kind !== "tls") return parsed
  const read = (name: string) => (options[name] ? readFileSync(options[name], "utf8") : undefined)
  const [ca, cert, key] = [read("syslog-tls-ca-cert"), read("syslog-tls-cert"), read("syslog-tls-key")]
  const tls: TlsOptions = {
    ...(ca ? { ca } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
    skipVerify: options["syslog-tls-skip-verify"] !== undefined,
  }
  return { ...parsed, target: { ...parsed.target, tls } }
}

function gelfOptions(options: LogOptions): GelfOptions {
  const address = options["gelf-address"]
  if (!address) throw refuse("gelf-address is a required parameter")
  const url = addressOf(address)
  if (url.scheme !== "udp" && url.scheme !== "tcp") throw refuse("gelf: endpoint needs to be TCP or UDP")
  if (!url.host || url.port === undefined) throw refuse("gelf: please provide gelf-address as proto://host:port")
  for (const [key, value] of Object.entries(options)) {
    const bad = refuse(`unknown value ${JSON.stringify(value)} for log opt ${JSON.stringify(key)} for gelf log driver`)
    if (key.startsWith("gelf-compression-")) {
      if (url.scheme !== "udp") throw refuse("compression is only supported on UDP")
      const known = key.endsWith("type") ? ["gzip", "zlib", "none"].includes(value) : /^(-1|\d)$/.test(value)
      if (!known) throw bad
    } else if (key.startsWith("gelf-tcp-")) {
      if (url.scheme !== "tcp") throw refuse(`${JSON.stringify(key)} is only valid for TCP`)
      if (!/^\+?\d+$/.test(value)) throw refuse(`${JSON.stringify(key)} must be a positive integer`)
    }
  }
  return {
    transport: url.scheme,
    host: url.host,
    port: url.port,
    compression: (options["gelf-compression-type"] ?? "gzip") as GelfOptions["compression"],
    level: Number(options["gelf-compression-level"] ?? 1),
  }
}

function fluentdOptions(options: LogOptions): FluentdOptions {
  const flag = (name: string) => (options[name] ? parseBool(options[name]) : false)
  const duration = (name: string) => (options[name] ? Number(parseDuration(options[name])) / 1e6 : 0)
  const target = fluentdTarget(options["fluentd-address"] ?? "")
  if (options["fluentd-buffer-limit"]) parseBytes(options["fluentd-buffer-limit"])
  duration("fluentd-retry-wait")
  const retries = options["fluentd-max-retries"]
  if (retries && !/^\d+$/.test(retries)) {
    throw refuse(`strconv.ParseUint: parsing ${JSON.stringify(retries)}: invalid syntax`)
  }
  const named = (name: string, why?: string) => {
    try {
      return duration(name)
    } catch (error) {
      throw refuse(`invalid value for ${name}: ${why ? `${why}: ` : ""}${messageOf(error)}`)
    }
  }
  const interval = named("fluentd-async-reconnect-interval")
  if (interval !== 0 && (interval < 100 || interval > 10_000)) {
    throw refuse(
      `invalid value for fluentd-async-reconnect-interval: value (${JSON.stringify(options["fluentd-async-reconnect-interval"])}) must be between 100ms and 10s`,
    )
  }
  if (named("fluentd-write-timeout", "value must be a duration") < 0) {
    throw refuse("invalid value for fluentd-write-timeout: value must be a duration that is non-negative")
  }
  return {
    target,
    async: flag("fluentd-async") || flag("fluentd-async-connect"),
    subSecond: flag("fluentd-sub-second-precision"),
    acknowledge: flag("fluentd-request-ack"),
  }
}

function fluentdTarget(address: string): FluentdOptions["target"] {
  const invalid = (why: string) => refuse(`invalid fluentd-address (${address}): ${why}`)
  if (address === "") return { kind: "tcp", host: "127.0.0.1", port: 24224 }
  const url = addressOf(address.includes("://") ? address : `tcp://${address}`)
  if (url.scheme === "unix") {
    if (url.path.replace(/^\/+/, "") === "") throw invalid("path is empty")
    return { kind: "unix", path: url.path }
  }
  if (url.scheme !== "tcp" && url.scheme !== "tls") throw invalid(`unsupported scheme: '${url.scheme}'`)
  if (url.path !== "") throw invalid("should not contain a path element")
  const place = { host: url.host || "127.0.0.1", port: url.port ?? 24224 }
  return url.scheme === "tcp" ? { kind: "tcp", ...place } : { kind: "tls", ...place, tls: { skipVerify: false } }
}

interface Address {
  readonly scheme: string
  readonly host: string
  readonly port: number | undefined
  readonly path: string
}

/** `scheme://host:port/path`; an IPv6 host in brackets. */
function addressOf(text: string): Address {
  const match = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/(\[[^\]]*\]|[^/:]*)(?::(\d*))?)?(.*)$/i.exec(text)!
  const [, scheme = "", host = "", port, path = ""] = match
  return {
    scheme,
    host: host.replace(/^\[|\]$/g, ""),
    port: port ? Number(port) : undefined,
    path,
  }
}
