import { posix } from "node:path"
import { Failure } from "../../errors/failure.ts"
import type { HealthcheckConfig, ImageRunConfig } from "../../oci/image.ts"
import { parseDuration } from "../../std/duration.ts"
import { execForm, splitWords } from "./words.ts"

type Apply = (config: ImageRunConfig, rest: string, words: () => string[]) => ImageRunConfig

const instructions: Readonly<Record<string, Apply>> = {
  CMD: (config, rest) => ({ ...config, Cmd: commandWords(rest) }),
  ENTRYPOINT: (config, rest) => ({ ...config, Entrypoint: commandWords(rest) }),
  ENV: (config, rest, words) => {
    const lines = [...(config.Env ?? [])]
    for (const [name, value] of pairs("ENV", rest, words())) {
      const at = lines.findIndex((line) => line.split("=", 1)[0] === name)
      lines.splice(at < 0 ? lines.length : at, 1, `${name}=${value}`)
    }
    return { ...config, Env: lines }
  },
  EXPOSE: (config, _rest, words) => ({
    ...config,
    ExposedPorts: {
      ...config.ExposedPorts,
      ...Object.fromEntries(
        words()
          .flatMap(ports)
          .map((port) => [port, {}]),
      ),
    },
  }),
  HEALTHCHECK: (config, rest) => ({ ...config, Healthcheck: healthcheck(rest) }),
  LABEL: (config, rest, words) => ({
    ...config,
    Labels: { ...config.Labels, ...Object.fromEntries(pairs("LABEL", rest, words())) },
  }),
  ONBUILD: (config, rest) => ({ ...config, OnBuild: [...(config.OnBuild ?? []), rest] }),
  STOPSIGNAL: (config, _rest, words) => ({ ...config, StopSignal: one("STOPSIGNAL", words()) }),
  USER: (config, _rest, words) => ({ ...config, User: one("USER", words()) }),
  VOLUME: (config, rest, words) => ({
    ...config,
    Volumes: {
      ...config.Volumes,
      ...Object.fromEntries((execForm(rest) ?? words()).map((path): [string, object] => [path.trim(), {}])),
    },
  }),
  WORKDIR: (config, _rest, words) => ({
    ...config,
    WorkingDir: posix.resolve(config.WorkingDir || "/", one("WORKDIR", words())),
  }),
}

/**
 * Applies Dockerfile instructions to what an image says about running it (`--change` of `docker commit` and `import`).
 * @param changes each one instruction or several lines
 * @throws invalidArgument for an instruction that is unknown, not allowed here, or malformed
 */
export function applyChanges(config: ImageRunConfig, changes: readonly string[]): ImageRunConfig {
  let result = config
  let commandGiven = false
  for (const line of changes.flatMap(logicalLines)) {
    const [, name = "", rest = ""] = /^(\S+)\s*(.*)$/s.exec(line) ?? []
    const apply = instructions[name.toUpperCase()]
    if (!apply) throw new Failure("invalidArgument", `${name.toUpperCase()} is not a valid change command`)
    if (rest === "") throw new Failure("invalidArgument", `${name.toUpperCase()} requires at least one argument`)
    const variable = (wanted: string) =>
      result.Env?.find((entry) => entry.startsWith(`${wanted}=`))?.slice(wanted.length + 1)
    result = apply(result, rest, () => splitWords(rest, variable))
    if (apply === instructions["CMD"]) commandGiven = true
    // The command that was there belonged to another entrypoint.
    if (apply === instructions["ENTRYPOINT"] && !commandGiven) result = { ...result, Cmd: null }
  }
  return result
}

function logicalLines(text: string): string[] {
  return text
    .replace(/\\\r?\n/g, "")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
}

const commandWords = (text: string): string[] => execForm(text) ?? ["/bin/sh", "-c", text]

function one(name: string, words: readonly string[]): string {
  if (words.length !== 1) throw new Failure("invalidArgument", `${name} requires exactly one argument`)
  return words[0]!
}

/** `K=V …`, or the old form `K the rest`. */
function pairs(name: string, rest: string, words: readonly string[]): [string, string][] {
  if (!words[0]?.includes("=")) {
    const match = /^(\S+)\s+(.+)$/s.exec(rest)
    if (!match) throw new Failure("invalidArgument", `${name} must have two arguments`)
    return [[match[1]!, match[2]!]]
  }
  return words.map((word) => {
    const cut = word.indexOf("=")
    if (cut < 0) {
      throw new Failure("invalidArgument", `Syntax error - can't find = in "${word}". Must be of the form: name=value`)
    }
    if (cut === 0) throw new Failure("invalidArgument", `${name} names can not be blank`)
    return [word.slice(0, cut), word.slice(cut + 1)]
  })
}

function ports(text: string): string[] {
  const match = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/i.exec(text)
  const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])]
  if (!match || from < 1 || to > 65535 || to < from) {
    throw new Failure("invalidArgument", `invalid containerPort: ${text}`)
  }
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${(match[3] ?? "tcp").toLowerCase()}`)
}

function healthcheck(text: string): HealthcheckConfig {
  let rest = text
  let options: Partial<Record<"Interval" | "Timeout" | "StartPeriod" | "StartInterval" | "Retries", number>> = {}
  for (;;) {
    const match = /^--([a-z-]+)=(\S+)\s+(.*)$/s.exec(rest)
    if (!match) break
    const [, flag, value, after] = match as unknown as [string, string, string, string]
    options = { ...options, ...healthOption(flag, value) }
    rest = after
  }
  const [, form = "", command = ""] = /^(\S+)\s*(.*)$/s.exec(rest) ?? []
  if (form.toUpperCase() === "NONE" && command === "") return { Test: ["NONE"] }
  if (form.toUpperCase() !== "CMD" || command === "") {
    throw new Failure("invalidArgument", `Unknown type "${form.toUpperCase()}" in HEALTHCHECK (try CMD)`)
  }
  const words = execForm(command)
  return { Test: words ? ["CMD", ...words] : ["CMD-SHELL", command], ...options }
}

const healthFields = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
} as const

function healthOption(flag: string, value: string): Record<string, number> {
  if (flag === "retries" && /^\d+$/.test(value)) return { Retries: Number(value) }
  const field = healthFields[flag as keyof typeof healthFields]
  const refuse = (cause?: unknown) =>
    new Failure("invalidArgument", `invalid HEALTHCHECK option --${flag}=${value}`, cause)
  if (!field) throw refuse()
  let nanos: bigint
  try {
    nanos = parseDuration(value)
  } catch (error) {
    throw refuse(error)
  }
  if (nanos < 0n) throw refuse()
  return { [field]: Number(nanos) }
}
