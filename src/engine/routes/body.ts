import { readBody, readBodyInTurns, type Schema, type StructSchema } from "../../api/schema.ts"
import { Failure } from "../../errors/failure.ts"
import type { HttpRequest } from "../../std/http/request.ts"
import type { Json } from "../../std/json.ts"
import { decodeJsonInTurns, JsonError } from "../../std/json-parts.ts"

/**
 * Bytes of a JSON body. Linux starts no program with more than 2 MiB of arguments and variables (execve(2)), and a range of all ports takes
 * 3 MB: no real client needs more. What a body says is kept and recorded, and costs the daemon's thread about 50 ms for each megabyte.
 */
const maxBytes = 4 * 1024 * 1024
/** Bytes of a body from which on others get their turn while it is read. */
const longBody = 64 * 1024

/**
 * Reads a JSON body by its schema, with Docker's rules and words for what is wrong. An empty body is the zero value.
 * @throws invalidArgument · tooLarge
 */
export async function readJsonBody<T>(request: HttpRequest, schema: Schema<T>): Promise<T> {
  const body = await readJson(request)
  return await readBySchema(schema, body?.json ?? null, body)
}

/** As `readJsonBody`, but `undefined` when none of the schema's fields is given. */
export async function readOptionalBody<T>(request: HttpRequest, schema: StructSchema<T>): Promise<T | undefined> {
  const body = await readJson(request)
  if (!body || body.json === null) return undefined
  const read = await readBySchema(schema, body.json, body)
  return Object.keys(body.json).some((key) => schema.fields.has(key.toLowerCase())) ? read : undefined
}

const readBySchema = <T>(schema: Schema<T>, json: Json, body: Body | undefined): T | Promise<T> =>
  body && body.length > longBody ? readBodyInTurns(schema, json) : readBody(schema, json)

interface Body {
  readonly json: Json
  /** Characters of its text. */
  readonly length: number
}

/** @returns undefined for an empty body */
async function readJson(request: HttpRequest): Promise<Body | undefined> {
  const type = request.headers.get("content-type") ?? ""
  if (!request.hasBody && type === "") return undefined
  checkContentType(type)
  if (!request.hasBody) return undefined
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge()
  const text = (await readBytes(request.body)).toString("utf8")
  try {
    return { json: await decodeJsonInTurns(text), length: text.length }
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    const { fault } = error
    if (fault.kind === "trailing") throw new Failure("invalidArgument", "unexpected content after JSON", error)
    const why = fault.kind === "empty" ? "got EOF while reading request body" : fault.message
    throw new Failure("invalidArgument", `invalid JSON: ${why}`, error)
  }
}

function checkContentType(type: string): void {
  const media = type.split(";", 1)[0]!.trim().toLowerCase()
  if (type !== "" && !/^[^\s/;]+\/[^\s/;]+\s*(?:;.*)?$/.test(type.trim()))
    throw new Failure("invalidArgument", `malformed Content-Type header (${type})`)
  if (media !== "application/json")
    throw new Failure("invalidArgument", `unsupported Content-Type header (${type}): must be 'application/json'`)
}

const tooLarge = () => new Failure("tooLarge", `the request body is larger than ${maxBytes} bytes`)

async function readBytes(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of body) {
    bytes += part.length
    if (bytes > maxBytes) throw tooLarge()
    parts.push(part)
  }
  return parts.length === 1
    ? Buffer.from(parts[0]!.buffer, parts[0]!.byteOffset, parts[0]!.length)
    : Buffer.concat(parts)
}
