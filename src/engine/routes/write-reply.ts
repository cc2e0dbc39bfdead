import type { JsonMessage } from "../../api/image.ts"
import { ConnectionFailure } from "../../distribution/connection-failure.ts"
import { Failure, kindOf, messageOf, toHttpStatus } from "../../errors/failure.ts"
import type { HttpRequest } from "../../std/http/request.ts"
import type { HttpResponse, OutgoingHeaders } from "../../std/http/response.ts"
import { reasons } from "../../std/http/status.ts"
import { webSocketAccept, webSocketStream } from "../../std/http/websocket.ts"
import { encodeJson } from "../../std/json.ts"
import { encodeJsonInTurns } from "../../std/json-pieces.ts"
import { Turns } from "../../std/turns.ts"
import { jsonStreamType, recordReshaper, reshapeResponse } from "../compat/responses.ts"
import { isBefore } from "../compat/version.ts"
import type { Reply } from "./reply.ts"

/** Who asked, and by which rules the answer is written. */
export interface ReplyContext {
  readonly request: HttpRequest
  readonly response: HttpResponse
  /** The headers of every response. */
  readonly headers: OutgoingHeaders
  /** The key of the route table. */
  readonly key: string
  readonly version: string
}

// Exactly this: clients compare it literally to know a message in JSON.
const jsonType = { "Content-Type": "application/json" }
const rawStream = "application/vnd.docker.raw-stream"
const multiplexedStream = "application/vnd.docker.multiplexed-stream"
const streamType = (multiplexed: boolean, version: string) =>
  multiplexed && !isBefore(version, "1.42") ? multiplexedStream : rawStream

/** Writes a route's answer. Rejects only with what can still become a status. */
export async function writeReply(context: ReplyContext, reply: Reply): Promise<void> {
  const { response, headers, version, key } = context
  switch (reply.kind) {
    case "json": {
      const value = reshapeResponse(key, reply.value, version)
      return sendPieces(context, reply.status, await encodeJsonInTurns(value))
    }
    case "empty":
      return response.send(reply.status, { ...headers, ...reply.headers })
    case "text":
      return response.send(
        reply.status,
        { ...headers, ...reply.headers, "Content-Type": "text/plain; charset=utf-8" },
        context.request.method === "HEAD" ? "" : reply.text,
      )
    case "late": {
      const writer = response.stream(200, { ...headers, ...jsonType })
      for (const piece of await encodeJsonInTurns(await reply.value)) await writer.write(Buffer.from(piece))
      await writer.write(Buffer.from("\n"))
      return writer.end()
    }
    case "objects":
      return writeObjects(context, reply)
    case "progress":
      return writeProgress(context, reply)
    case "bytes":
      return writeBytes(context, { ...reply.headers, "Content-Type": reply.contentType }, reply.chunks, true)
    case "stdio":
      return writeBytes(context, { "Content-Type": streamType(reply.multiplexed, version) }, reply.chunks, false)
    case "hijack":
      return hijack(context, reply)
    case "websocket":
      return serveWebSocket(context, reply)
  }
}

/** Sends a text, and a line's end behind it. */
async function sendPieces(
  { response, headers }: ReplyContext,
  status: number,
  pieces: readonly string[],
): Promise<void> {
  if (pieces.length === 1) return response.send(status, { ...headers, ...jsonType }, `${pieces[0]}\n`)
  const length = pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 1)
  const writer = response.stream(status, { ...headers, ...jsonType, "Content-Length": String(length) })
  const turns = new Turns()
  for (const piece of pieces) {
    await writer.write(Buffer.from(piece))
    await turns.pass()
  }
  await writer.write(Buffer.from("\n"))
  writer.end()
}

async function writeObjects(context: ReplyContext, reply: Reply & { kind: "objects" }): Promise<void> {
  const mediaType = reply.mediaType ?? jsonStreamType(context.version)
  const reshape = recordReshaper(context.key, context.version)
  const writer = context.response.stream(200, { ...context.headers, "Content-Type": mediaType })
  const before = mediaType === "application/json-seq" ? "\x1e" : ""
  const turns = new Turns()
  for await (const value of reply.values) {
    await turns.pass()
    const record = reshape ? reshape(value) : value
    if (record === undefined) continue
    const pieces = await encodeJsonInTurns(record)
    if (pieces.length === 1) await writer.write(Buffer.from(`${before}${pieces[0]}\n`))
    else for (const piece of [before, ...pieces, "\n"]) await writer.write(Buffer.from(piece))
  }
  writer.end()
}

async function writeProgress(context: ReplyContext, reply: Reply & { kind: "progress" }): Promise<void> {
  const iterator = reply.messages[Symbol.asyncIterator]()
  const first = reply.headFirst ? undefined : await iterator.next()
  const writer = context.response.stream(200, { ...context.headers, ...jsonType })
  const write = (message: JsonMessage) => writer.write(Buffer.from(`${encodeJson(message)}\r\n`))
  try {
    for (let next = first ?? (await iterator.next()); !next.done; next = await iterator.next()) await write(next.value)
  } catch (error) {
    const message = messageOf(error)
    await write({ errorDetail: { message }, error: message })
  }
  writer.end()
}

/** @param whole whether what fails at the first byte can wait for it to become a status; logs must show their head at once */
async function writeBytes(
  context: ReplyContext,
  more: OutgoingHeaders,
  chunks: AsyncIterable<Uint8Array>,
  whole: boolean,
): Promise<void> {
  const iterator = chunks[Symbol.asyncIterator]()
  const first = whole ? await iterator.next() : undefined
  const writer = context.response.stream(200, { ...context.headers, ...more })
  const { signal } = context.request
  for (let next = first ?? (await iterator.next()); !next.done && !signal.aborted; next = await iterator.next())
    await writer.write(next.value)
  if (signal.aborted) await iterator.return?.()
  writer.end()
}

async function hijack(context: ReplyContext, reply: Reply & { kind: "hijack" }): Promise<void> {
  const { request, response, version } = context
  const more = reply.bare ? {} : context.headers
  const stream =
    request.headers.get("upgrade") === undefined
      ? response.hijack(200, { "Content-Type": rawStream, ...more })
      : response.hijack(
          101,
          {
            "Content-Type": streamType(reply.attachment.multiplexed, version),
            Connection: "Upgrade",
            Upgrade: "tcp",
            ...more,
          },
          "UPGRADED",
        )
  await reply.attachment.serve(stream)
}

async function serveWebSocket(context: ReplyContext, reply: Reply & { kind: "websocket" }): Promise<void> {
  const { request, response } = context
  const key = request.headers.get("sec-websocket-key")
  if (!key || request.headers.get("upgrade")?.toLowerCase() !== "websocket")
    throw new Failure("invalidArgument", "not a websocket request: Upgrade and Sec-WebSocket-Key are needed")
  const stream = response.hijack(101, {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Accept": webSocketAccept(key),
  })
  await reply.attachment.serve(webSocketStream(stream))
}

/** Tells a failure in the form that is still possible. */
export function writeFailure(
  context: Omit<ReplyContext, "key" | "version">,
  error: unknown,
  form: "json" | "hijacked" | "text",
): void {
  const { response, headers } = context
  // A registry that cannot be reached is 500 with Docker: 503 is kept for what this daemon itself does not have.
  const status = error instanceof ConnectionFailure ? 500 : toHttpStatus(error)
  const message = messageOf(error)
  if (response.started) response.abort()
  else if (kindOf(error) === "notModified") response.send(status, headers)
  else if (form === "json") response.send(status, { ...headers, ...jsonType }, `${encodeJson({ message })}\n`)
  else if (form === "text")
    response.send(status, { ...headers, "Content-Type": "text/plain; charset=utf-8" }, `${message}\n`)
  else {
    const stream = response.hijack(status, { "Content-Type": rawStream }, reasons[status])
    void stream.write(Buffer.from(`${message}\r\n`))
  }
}
