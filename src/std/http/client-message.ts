import { Failure } from "../../errors/failure.ts"
import type { ByteChannel } from "./byte-channel.ts"

/** The head of an HTTP/1.1 response. Header names are in lower case; the values of a repeated header are joined by a comma. */
export interface ResponseHead {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
}

const headLimit = 1 << 20

/** Reads a response's head (RFC 9112); informational ones other than 101 are passed over. @throws unavailable when the connection ends within it */
export async function readHead(channel: ByteChannel): Promise<ResponseHead> {
  for (;;) {
    const head = parseHead(await readUntilBlankLine(channel))
    if (head.status >= 200 || head.status === 101) return head
  }
}

async function readUntilBlankLine(channel: ByteChannel): Promise<string> {
  let read: Buffer = Buffer.alloc(0)
  for (;;) {
    const chunk = await channel.take()
    if (!chunk) throw new Failure("unavailable", read.length ? "unexpected EOF" : "EOF")
    read = read.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) : Buffer.concat([read, chunk])
    const end = read.indexOf("\r\n\r\n")
    if (end >= 0) {
      channel.putBack(read.subarray(end + 4))
      return read.toString("latin1", 0, end)
    }
    if (read.length > headLimit) throw new Failure("tooLarge", "the response's head is larger than 1 MB")
  }
}

function parseHead(text: string): ResponseHead {
  const [statusLine, ...lines] = text.split("\r\n")
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(statusLine!)
  if (!status) throw new Failure("unavailable", `malformed HTTP response ${JSON.stringify(statusLine)}`)
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(":")
    if (colon <= 0) continue
    const name = line.slice(0, colon).toLowerCase()
    const before = headers.get(name)
    const value = line.slice(colon + 1).trim()
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return { status: Number(status[1]), headers }
}

/** Whether the body ends before the connection does, so that the connection can carry a further request. */
export const isFramed = (head: ResponseHead): boolean =>
  head.headers.get("connection")?.toLowerCase() !== "close" &&
  (head.status === 204 || head.status === 304 || head.headers.has("content-length") || isChunked(head))

const isChunked = (head: ResponseHead) =>
  head.headers.get("transfer-encoding")?.toLowerCase().includes("chunked") ?? false

/** A response's body, taken out of its framing. @throws unavailable when the connection ends within it */
export async function* readBody(channel: ByteChannel, head: ResponseHead, method: string): AsyncGenerator<Uint8Array> {
  if (method === "HEAD" || head.status === 204 || head.status === 304) return
  if (isChunked(head)) return yield* readChunks(channel)
  const length = head.headers.get("content-length")
  if (length === undefined) return yield* channel
  yield* readExactly(channel, Number(length))
}

async function* readExactly(channel: ByteChannel, length: number): AsyncGenerator<Uint8Array> {
  for (let remaining = length; remaining > 0; ) {
    const chunk = await channel.take()
    if (!chunk) throw new Failure("unavailable", "unexpected EOF")
    channel.putBack(chunk.subarray(remaining))
    const part = chunk.subarray(0, remaining)
    remaining -= part.length
    yield part
  }
}

async function* readChunks(channel: ByteChannel): AsyncGenerator<Uint8Array> {
  for (;;) {
    const length = Number.parseInt(await readLine(channel), 16)
    if (!(length >= 0)) throw new Failure("unavailable", "malformed chunked encoding")
    if (length === 0) break
    yield* readExactly(channel, length)
    await readLine(channel)
  }
  while ((await readLine(channel)) !== "");
}

async function readLine(channel: ByteChannel): Promise<string> {
  let line = ""
  for (;;) {
    const chunk = await channel.take()
    if (!chunk) throw new Failure("unavailable", "unexpected EOF")
    const end = chunk.indexOf(10)
    line += Buffer.from(chunk.buffer, chunk.byteOffset, end < 0 ? chunk.length : end).toString("latin1")
    if (end >= 0) {
      channel.putBack(chunk.subarray(end + 1))
      return line.replace(/\r$/, "")
    }
  }
}
