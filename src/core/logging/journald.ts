import { statSync } from "node:fs"
import { Failure } from "../../errors/failure.ts"
import { formatNanos } from "../../std/clock.ts"
import { newId } from "../../std/id.ts"
import { type LogDestination, type LogSubject, textOf } from "./contract.ts"
import { openUnixDatagrams } from "./datagrams.ts"

const journal = "/run/systemd/journal/socket"

/** Lines as entries of the systemd journal, by its native protocol. @throws unavailable in Docker's words without one */
export async function openJournald(subject: LogSubject, socket = journal): Promise<LogDestination> {
  if (!statSync(socket, { throwIfNoEntry: false })?.isSocket()) {
    throw new Failure("unavailable", "journald is not enabled on this host")
  }
  const datagrams = openUnixDatagrams(socket)
  const extra = Object.entries(subject.extra).map(([key, value]) => [fieldName(key), value] as const)
  const common = [
    ["CONTAINER_ID", subject.id.slice(0, 12)],
    ["CONTAINER_ID_FULL", subject.id],
    ["CONTAINER_NAME", subject.name],
    ["CONTAINER_TAG", subject.tag],
    ["IMAGE_NAME", subject.imageName],
    ["SYSLOG_IDENTIFIER", subject.tag],
    ["CONTAINER_LOG_EPOCH", newId()],
    ...extra.filter(([key]) => key !== ""),
  ] as const
  let ordinal = 0
  return {
    async send(lines) {
      for (const line of lines) {
        const fields = [
          ["MESSAGE", textOf(line)],
          ["PRIORITY", line.stream === "stderr" ? "3" : "6"],
          ["SYSLOG_TIMESTAMP", formatNanos(line.at)],
          ["CONTAINER_LOG_ORDINAL", String(++ordinal)],
          ...(line.partial ? [["CONTAINER_PARTIAL_MESSAGE", "true"] as const] : []),
          ...common,
        ] as const
        await datagrams.send(Buffer.concat(fields.map(([key, value]) => journalField(key, Buffer.from(value)))))
      }
    },
    close: async () => datagrams.close(),
  }
}

/** `KEY=value`, or with its length when the value has lines of its own. */
export function journalField(key: string, value: Buffer): Buffer {
  if (!value.includes(10)) return Buffer.concat([Buffer.from(`${key}=`), value, Buffer.of(10)])
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(value.length))
  return Buffer.concat([Buffer.from(`${key}\n`), length, value, Buffer.of(10)])
}

/** The journal takes capital letters, digits and underscores, not at the beginning. */
const fieldName = (key: string): string =>
  key
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, "_")
    .replace(/^_+/, "")
