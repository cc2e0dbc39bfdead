/**
 * Docker's framing of several streams in one: an eight-byte header `[stream, 0, 0, 0, length (32 bits, big-endian)]`
 * before each piece (Docker Engine API, "Stream format").
 */
export const stdStreams = { stdin: 0, stdout: 1, stderr: 2, systemError: 3 } as const

export type StdStream = keyof typeof stdStreams

const names = ["stdin", "stdout", "stderr", "systemError"] as const

/** One framed piece, header and payload in one buffer. */
export function frame(stream: StdStream, payload: Uint8Array): Uint8Array {
  const framed = Buffer.allocUnsafe(8 + payload.length)
  writeFrameHeader(framed, stream, payload.length)
  framed.set(payload, 8)
  return framed
}

/** The header alone, for callers that send the payload without copying it. */
export function frameHeader(stream: StdStream, length: number): Uint8Array {
  const header = Buffer.allocUnsafe(8)
  writeFrameHeader(header, stream, length)
  return header
}

function writeFrameHeader(target: Buffer, stream: StdStream, length: number): void {
  target.writeUInt32BE(stdStreams[stream] * 0x1000000, 0)
  target.writeUInt32BE(length, 4)
}

/**
 * Takes a framed stream apart. A piece is given on as it arrives, so that a long one needs no buffer of its length.
 * @throws Error when a header names no known stream, or the stream ends within a frame
 */
export async function* unframe(
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly stream: StdStream; readonly bytes: Uint8Array }> {
  const header = Buffer.alloc(8)
  let headerBytes = 0
  let remaining = 0
  let stream: StdStream = "stdout"
  for await (const chunk of input) {
    let at = 0
    while (at < chunk.length) {
      if (remaining > 0) {
        const bytes = chunk.subarray(at, at + remaining)
        at += bytes.length
        remaining -= bytes.length
        yield { stream, bytes }
        continue
      }
      const part = chunk.subarray(at, at + 8 - headerBytes)
      header.set(part, headerBytes)
      headerBytes += part.length
      at += part.length
      if (headerBytes < 8) continue
      headerBytes = 0
      const name = names[header[0]!]
      if (!name) throw new Error(`unrecognized stream type ${header[0]} in a multiplexed stream`)
      stream = name
      remaining = header.readUInt32BE(4)
    }
  }
  if (remaining > 0 || headerBytes > 0) throw new Error("the multiplexed stream ended within a frame")
}
