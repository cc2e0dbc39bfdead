import { hostname } from "node:os"
import { Failure } from "../../errors/failure.ts"
import type { LogLine } from "../../logs/line-splitter.ts"
import { type LogDestination, type LogSubject, textOf } from "./contract.ts"
import { type Datagrams, openUdp, openUnixDatagrams } from "./datagrams.ts"
import { type LinkTarget, StreamLink } from "./stream-link.ts"

export type SyslogFormat = "" | "rfc3164" | "rfc5424" | "rfc5424micro"

export interface SyslogOptions {
  /** `local`: the syslog of this host. */
  readonly target:
    | LinkTarget
    | { readonly kind: "udp"; readonly host: string; readonly port: number }
    | { readonly kind: "unixgram"; readonly path: string }
    | { readonly kind: "local" }
  /** 0 to 23 (RFC 5424, section 6.2.1). */
  readonly facility: number
  readonly format: SyslogFormat
}

const localSockets = ["/dev/log", "/var/run/syslog", "/var/run/log"]

/** Lines as syslog messages: standard output as informational, standard error as errors. @throws unavailable */
export async function openSyslog(options: SyslogOptions, subject: LogSubject): Promise<LogDestination> {
  const channel = await openChannel(options.target)
  // RFC 5425 counts octets; the other transports end messages by newlines.
  const counted = options.target.kind === "tls" && options.format.startsWith("rfc5424")
  const message = (line: LogLine): Buffer => {
    const bytes = syslogMessage(options, subject.tag, line)
    return counted ? Buffer.concat([Buffer.from(`${bytes.length} `), bytes]) : bytes
  }
  return {
    async send(lines) {
      const messages = lines.filter((line) => textOf(line).length > 0).map(message)
      if (messages.length === 0) return
      if (channel instanceof StreamLink) await channel.write(Buffer.concat(messages))
      else for (const each of messages) await channel.send(each)
    },
    close: async () => channel.close(),
  }
}

async function openChannel(target: SyslogOptions["target"]): Promise<StreamLink | Datagrams> {
  if (target.kind === "udp") return await openUdp(target.host, target.port)
  if (target.kind === "unixgram") return openUnixDatagrams(target.path)
  if (target.kind !== "local") {
    const link = new StreamLink(target)
    await link.open()
    return link
  }
  for (const path of localSockets) {
    try {
      return openUnixDatagrams(path)
    } catch {
      const link = new StreamLink({ kind: "unix", path })
      const opened = await link.open().then(
        () => true,
        () => false,
      )
      if (opened) return link
    }
  }
  throw new Failure("unavailable", "Unix syslog delivery error")
}

/** One message, its newline included (RFC 3164, section 4; RFC 5424, section 6). The tag stands for the application too. */
export function syslogMessage(
  { facility, format }: Pick<SyslogOptions, "facility" | "format">,
  tag: string,
  line: LogLine,
  host = hostname(),
): Buffer {
  const priority = facility * 8 + (line.stream === "stderr" ? 3 : 6)
  const head =
    format === ""
      ? `<${priority}>${shortTime(line.at)} ${tag}[${process.pid}]: `
      : format === "rfc3164"
        ? `<${priority}>${shortTime(line.at)} ${host} ${tag}[${process.pid}]: `
        : `<${priority}>1 ${longTime(line.at, format === "rfc5424micro")} ${host} ${tag} ${process.pid} ${tag} - `
  return Buffer.concat([Buffer.from(head), textOf(line), Buffer.of(10)])
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const two = (number: number) => String(number).padStart(2, "0")
const dateOf = (at: bigint) => new Date(Number(at / 1_000_000n))
const clock = (date: Date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`

function shortTime(at: bigint): string {
  const date = dateOf(at)
  return `${months[date.getMonth()]} ${String(date.getDate()).padStart(2)} ${clock(date)}`
}

function longTime(at: bigint, micro: boolean): string {
  const date = dateOf(at)
  const east = -date.getTimezoneOffset()
  const zone =
    east === 0 ? "Z" : `${east < 0 ? "-" : "+"}${two(Math.floor(Math.abs(east) / 60))}:${two(Math.abs(east) % 60)}`
  const fraction = micro ? `.${String((at / 1000n) % 1_000_000n).padStart(6, "0")}` : ""
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${clock(date)}${fraction}${zone}`
}
