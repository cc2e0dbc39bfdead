import { createHash } from "node:crypto"
import type { HijackedStream } from "../hijacked-stream.ts"

/** The `Sec-WebSocket-Accept` for a client's key (RFC 6455, section 4.2.2). */
export const webSocketAccept = (key: string): string =>
  createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64")

const maxFrame = 16 * 1024 * 1024
const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 }

/**
 * The server's end of a websocket as a plain byte stream: message boundaries are dropped, what is written goes out in
 * binary frames, pings are answered, a close frame is the end of the input. A client that breaks the protocol is cut off.
 */
export function webSocketStream(raw: HijackedStream): HijackedStream {
  async function* input(): AsyncGenerator<Uint8Array> {
    let pending = Buffer.alloc(0) as Buffer
    for await (const chunk of raw.input) {
      pending = pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([pending, chunk])
      for (;;) {
        const parsed = parseFrame(pending)
        if (parsed === undefined) break
        if (parsed === "broken") {
          raw.abort()
          return
        }
        pending = pending.subarray(parsed.length)
        if (parsed.opcode === opcodes.close) return
        if (parsed.opcode === opcodes.ping) await raw.write(buildFrame(opcodes.pong, parsed.payload))
        else if (parsed.opcode <= opcodes.binary && parsed.payload.length > 0) yield parsed.payload
      }
    }
  }
  return {
    input: input(),
    write: (bytes) => raw.write(buildFrame(opcodes.binary, bytes)),
    taken: () => raw.taken(),
    closeWrite: async () => {
      await raw.write(buildFrame(opcodes.close, Buffer.from([0x03, 0xe8])))
      await raw.closeWrite()
    },
    abort: () => raw.abort(),
    closed: raw.closed,
  }
}

interface Frame {
  readonly opcode: number
  readonly payload: Buffer
  /** Bytes of the whole frame. */
  readonly length: number
}

/** @returns undefined when more bytes are needed */
function parseFrame(bytes: Buffer): Frame | "broken" | undefined {
  if (bytes.length < 2) return undefined
  const opcode = bytes[0]! & 0x0f
  const short = bytes[1]! & 0x7f
  // Clients must mask, extensions were not negotiated, control frames are short and whole (RFC 6455, section 5).
  if ((bytes[1]! & 0x80) === 0 || (bytes[0]! & 0x70) !== 0) return "broken"
  if (opcode >= 8 && (short > 125 || (bytes[0]! & 0x80) === 0)) return "broken"
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
  const start = 2 + lengthBytes + 4
  if (bytes.length < start) return undefined
  const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short
  if (length > maxFrame) return "broken"
  if (bytes.length < start + length) return undefined
  const payload = Buffer.from(bytes.subarray(start, start + length))
  for (let i = 0; i < length; i++) payload[i]! ^= bytes[start - 4 + (i & 3)]!
  return { opcode, payload, length: start + length }
}

function buildFrame(opcode: number, payload: Uint8Array): Buffer {
  const length = payload.length
  const extra = length < 126 ? 0 : length < 65536 ? 2 : 8
  const frame = Buffer.allocUnsafe(2 + extra + length)
  frame[0] = 0x80 | opcode
  frame[1] = extra === 0 ? length : extra === 2 ? 126 : 127
  if (extra === 2) frame.writeUInt16BE(length, 2)
  if (extra === 8) frame.writeBigUInt64BE(BigInt(length), 2)
  frame.set(payload, 2 + extra)
  return frame
}
