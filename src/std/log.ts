import { formatNanos, nowNanos } from "./clock.ts"

export const logLevels = ["debug", "info", "warn", "error", "fatal"] as const
export type LogLevel = (typeof logLevels)[number]

/** Facts told with a message. */
export type LogFields = Readonly<Record<string, unknown>>

/** The daemon's own messages: one line each, on standard error, in logrus' forms that log collectors know. */
export class Log {
  level: LogLevel
  readonly #format: "text" | "json"
  readonly #write: (line: string) => void

  constructor(options: {
    readonly level: LogLevel
    readonly format?: "text" | "json"
    readonly write?: (line: string) => void
  }) {
    this.level = options.level
    this.#format = options.format ?? "text"
    this.#write = options.write ?? ((line) => void process.stderr.write(line))
  }

  debug(message: string, fields?: LogFields): void {
    this.#line("debug", message, fields)
  }

  info(message: string, fields?: LogFields): void {
    this.#line("info", message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    this.#line("warn", message, fields)
  }

  error(message: string, fields?: LogFields): void {
    this.#line("error", message, fields)
  }

  #line(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (logLevels.indexOf(level) < logLevels.indexOf(this.level)) return
    const time = formatNanos(nowNanos())
    if (this.#format === "json") {
      this.#write(`${JSON.stringify({ level, msg: message, time, ...fields })}\n`)
      return
    }
    const word = level === "warn" ? "warning" : level
    const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${quoted(String(value))}`)
    this.#write(`time="${time}" level=${word} msg=${JSON.stringify(message)}${rest.join("")}\n`)
  }
}

const quoted = (text: string): string => (/^[\w./:@-]+$/.test(text) ? text : JSON.stringify(text))
