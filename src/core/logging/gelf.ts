import { randomBytes } from "node:crypto"
import { hostname } from "node:os"
import { deflateSync, gzipSync } from "node:zlib"
import { Failure } from "../../errors/failure.ts"
import type { LogLine } from "../../logs/line-splitter.ts"
import { type LogDestination, type LogSubject, textOf } from "./contract.ts"
import { openUdp } from "./datagrams.ts"
import { StreamLink } from "./stream-link.ts"

export interface GelfOptions {
  readonly transport: "udp" | "tcp"
  readonly host: string
  readonly port: number
  /** UDP only. */
  readonly compression: "gzip" | "zlib" | "none"
  /** -1 (the library's own choice) to 9. */
  readonly level: number
}

/** Lines in the Graylog Extended Log Format 1.1: one message each. @throws unavailable */
export async function openGelf(options: GelfOptions, subject: LogSubject): Promise<LogDestination> {
  const extra = Object.fromEntries(
    Object.entries(subject.extra).map(([key, value]) => [key.startsWith("_") ? key : `_${key}`, value]),
  )
  const common = {
    _command: subject.command,
    _container_id: subject.id,
    _container_name: subject.name,
    _created: subject.created,
    _image_id: subject.imageId,
    _image_name: subject.imageName,
    _tag: subject.tag,
    ...extra,
  }
  const message = (line: LogLine): Buffer =>
    Buffer.from(
      JSON.stringify({
        version: "1.1",
        host: hostname(),
        short_message: textOf(line).toString("utf8"),
        timestamp: Number(line.at / 1_000_000n) / 1000,
        level: line.stream === "stderr" ? 3 : 6,
        ...common,
      }),
    )
  const messages = (lines: readonly LogLine[]) => lines.filter((line) => textOf(line).length > 0).map(message)
  if (options.transport === "tcp") {
    const link = new StreamLink({ kind: "tcp", host: options.host, port: options.port })
    await link.open().catch((error: Error) => {
      const where = `${options.host}:${options.port}`
      throw new Failure("unavailable", `gelf: cannot connect to GELF endpoint: ${where} ${error.message}`, error)
    })
    return {
      send: (lines) => link.write(Buffer.concat(messages(lines).flatMap((each) => [each, Buffer.of(0)]))),
      close: () => link.close(),
    }
  }
  const datagrams = await openUdp(options.host, options.port)
  return {
    async send(lines) {
      for (const each of messages(lines)) {
        for (const piece of gelfChunks(compressed(each, options))) await datagrams.send(piece)
      }
    },
    close: async () => datagrams.close(),
  }
}

function compressed(message: Buffer, { compression, level }: GelfOptions): Buffer {
  if (compression === "none") return message
  return compression === "gzip" ? gzipSync(message, { level }) : deflateSync(message, { level })
}

const largest = 1420
const headerLength = 12
const mostChunks = 128

/** A message in pieces that fit datagrams, each with magic, message ID, number and count; none when it is too large for GELF. */
export function gelfChunks(message: Buffer): Buffer[] {
  if (message.length <= largest) return [message]
  const room = largest - headerLength
  const count = Math.ceil(message.length / room)
  if (count > mostChunks) return []
  const id = randomBytes(8)
  return Array.from({ length: count }, (_, number) =>
    Buffer.concat([
      Buffer.of(0x1e, 0x0f),
      id,
      Buffer.of(number, count),
      message.subarray(number * room, (number + 1) * room),
    ]),
  )
}
