/**
 * Docker's framing of several streams in one: an eight-byte header `[stream, 0, 0, 0, length (32 bits, big-endian)]`
 * before each piece (Docker Engine API, "Stream format").
 */
export const stdStreams = { stdin: 0, stdout: 1, stderr: 2, systemError: 3 } as const

export type StdStream = keyof typeof stdStreams

const names = ["stdin", "stdout", "stderr", "systemError"] as const

/** Bytes of a header. */
export const frameHeaderLength = 8

/** One framed piece, header and payload in one buffer. */
export function frame(stream: StdStream, payload: Uint8Array): Uint8Array {
  const framed = Buffer.allocUnsafe(frameHeaderLength + payload.length)
  writeFrameHeader(framed, 0, stream, payload.length)
  framed.set(payload, frameHeaderLength)
  return framed
}

/** The header alone, for callers that send the payload without copying it. */
export function frameHeader(stream: StdStream, length: number): Uint8Array {
  const header = Buffer.allocUnsafe(frameHeaderLength)
  writeFrameHeader(header, 0, stream, length)
  return header
}

/** Writes a header into `target` at `at`. */
export function writeFrameHeader(target: Buffer, at: number, stream: StdStream, length: number): void {
  target.writeUInt32BE(stdStreams[stream] * 0x1000000, at)
  target.writeUInt32BE(length, at + 4)
}

/**
 * Takes a framed stream apart. Pieces are given on as they arrive, so that a long one needs no buffer of its length, and
 * short ones of the same stream together: a million lines are not a million pieces.
 * @throws Error when a header names no known stream, or the stream ends within a frame
 */
export async function* unframe(
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly stream: StdStream; readonly bytes: Uint8Array }> {
  const header = Buffer.alloc(frameHeaderLength)
  let headerBytes = 0
  let remaining = 0
  let stream: StdStream = "stdout"
  for await (const chunk of input) {
    const together = Buffer.allocUnsafe(chunk.length)
    let begin = 0
    let end = 0
    let at = 0
    while (at < chunk.length) {
      if (remaining > 0) {
        const bytes = remaining < chunk.length - at ? chunk.subarray(at, at + remaining) : chunk.subarray(at)
        together.set(bytes, end)
        end += bytes.length
        at += bytes.length
        remaining -= bytes.length
        continue
      }
      const wanted = Math.min(frameHeaderLength - headerBytes, chunk.length - at)
      for (let index = 0; index < wanted; index++) header[headerBytes + index] = chunk[at + index]!
      headerBytes += wanted
      at += wanted
      if (headerBytes < frameHeaderLength) continue
      headerBytes = 0
      const name = names[header[0]!]
      if (!name) throw new Error(`unrecognized stream type ${header[0]} in a multiplexed stream`)
      remaining = header.readUInt32BE(4)
      if (name === stream) continue
      if (end > begin) yield { stream, bytes: together.subarray(begin, end) }
      begin = end
      stream = name
    }
    if (end > begin) yield { stream, bytes: together.subarray(begin, end) }
  }
  if (remaining > 0 || headerBytes > 0) throw new Error("the multiplexed stream ended within a frame")
}
