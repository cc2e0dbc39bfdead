import { randomBytes } from "node:crypto"
import type { LogLine } from "../../logs/line-splitter.ts"
import { type LogDestination, type LogSubject, textOf } from "./contract.ts"
import { EventTime, pack } from "./msgpack.ts"
import { type LinkTarget, StreamLink } from "./stream-link.ts"

export interface FluentdOptions {
  readonly target: LinkTarget
  /** Do not insist on a connection at the start. */
  readonly async: boolean
  readonly subSecond: boolean
  /** Ask for an acknowledgement of each message. */
  readonly acknowledge: boolean
}

const acknowledgementMs = 30_000

/** Lines as events of Fluentd's forward protocol (v1, "Message Modes"). @throws unavailable, unless `async` */
export async function openFluentd(options: FluentdOptions, subject: LogSubject): Promise<LogDestination> {
  const link = new StreamLink(options.target)
  if (!options.async) await link.open()
  const event = (line: LogLine, chunk?: string): Buffer =>
    pack([
      subject.tag,
      options.subSecond ? new EventTime(line.at) : Number(line.at / 1_000_000_000n),
      {
        container_id: subject.id,
        container_name: `/${subject.name}`,
        source: line.stream,
        log: textOf(line).toString("utf8"),
        ...subject.extra,
        ...(line.partial ? { partial_message: "true" } : {}),
      },
      ...(chunk ? [{ chunk }] : []),
    ])
  return {
    async send(lines) {
      if (!options.acknowledge) {
        await link.write(Buffer.concat(lines.map((line) => event(line))))
        return
      }
      for (const line of lines) {
        const chunk = randomBytes(16).toString("base64")
        await link.write(event(line, chunk))
        await link.receive(pack(chunk), acknowledgementMs)
      }
    },
    close: () => link.close(),
  }
}
