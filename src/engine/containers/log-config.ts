import { join } from "node:path"
import type { LogConfiguration } from "../../api/container-config.ts"
import { Failure } from "../../errors/failure.ts"
import type { LogConfig } from "../../shim/contract.ts"
import type { ContainerDefaults } from "./context.ts"

const formats = { local: "framed", "json-file": "json-file", none: "none" } as const
const options: Readonly<Record<string, readonly string[]>> = {
  local: ["max-size", "max-file", "compress", "mode", "max-buffer-size"],
  "json-file": [
    "max-size",
    "max-file",
    "compress",
    "labels",
    "labels-regex",
    "env",
    "env-regex",
    "tag",
    "mode",
    "max-buffer-size",
  ],
  none: ["mode", "max-buffer-size"],
}

/** The complete log configuration of a new container. @throws invalidArgument for an unknown driver or option */
export function checkLogConfig(asked: LogConfiguration, defaults: ContainerDefaults): LogConfiguration {
  const type = asked.Type || defaults.logDriver
  const config =
    asked.Type && asked.Type !== defaults.logDriver
      ? (asked.Config ?? {})
      : { ...defaults.logOptions, ...(asked.Config ?? {}) }
  const known = options[type]
  if (!known) throw new Failure("invalidArgument", `logger: no log driver named '${type}' is registered`)
  for (const key of Object.keys(config)) {
    if (!known.includes(key)) throw new Failure("invalidArgument", `unknown log opt '${key}' for ${type} log driver`)
  }
  if (config["max-size"] !== undefined) sizeOf(config["max-size"])
  if (config["max-file"] !== undefined && !(Number.parseInt(config["max-file"], 10) >= 1)) {
    throw new Failure("invalidArgument", "max-file cannot be less than 1")
  }
  if (config["mode"] !== undefined && config["mode"] !== "blocking" && config["mode"] !== "non-blocking") {
    throw new Failure("invalidArgument", `logger: logging mode not supported: ${config["mode"]}`)
  }
  return { Type: type, Config: config }
}

/** How the shim is to keep the output. Bounded by default: five files of 10 MB. */
export function shimLogConfig(config: LogConfiguration, folder: string, id: string): LogConfig {
  const format = formats[config.Type as keyof typeof formats] ?? "framed"
  return {
    format,
    path: join(folder, format === "json-file" ? `${id}-json.log` : "container.log"),
    maxSize: config.Config?.["max-size"] === undefined ? 10_000_000 : sizeOf(config.Config["max-size"]),
    maxFiles: config.Config?.["max-file"] === undefined ? 5 : Number.parseInt(config.Config["max-file"], 10),
  }
}

function sizeOf(text: string): number {
  if (text === "-1") return 0
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim())
  if (!match) throw new Failure("invalidArgument", `invalid size: '${text}'`)
  return Math.floor(Number(match[1]) * 1000 ** " kmgt".indexOf(match[2]!.toLowerCase() || " "))
}
