import type { Schema, StructSchema } from "../../api/schema.ts"
import { readBody } from "../../api/schema.ts"
import { Failure } from "../../errors/failure.ts"
import type { HttpRequest } from "../../std/http/request.ts"
import { decodeJson, type Json } from "../../std/json.ts"
import { findJsonFault } from "../../std/json-syntax.ts"

/** JSON bodies are kept in memory, and parsed at once: 32 MiB is far above any request of a real client (docs/scale.md tells what it costs). */
const maxBytes = 32 * 1024 * 1024

/**
 * Reads a JSON body by its schema, with Docker's rules and words for what is wrong. An empty body is the zero value.
 * @throws invalidArgument · tooLarge
 */
export async function readJsonBody<T>(request: HttpRequest, schema: Schema<T>): Promise<T> {
  const json = await readJson(request)
  return readBody(schema, json ?? null)
}

/** As `readJsonBody`, but `undefined` when none of the schema's fields is given. */
export async function readOptionalBody<T>(request: HttpRequest, schema: StructSchema<T>): Promise<T | undefined> {
  const json = await readJson(request)
  if (json === undefined || json === null) return undefined
  const read = readBody(schema, json)
  return Object.keys(json).some((key) => schema.fields.has(key.toLowerCase())) ? read : undefined
}

/** @returns undefined for an empty body */
async function readJson(request: HttpRequest): Promise<Json | undefined> {
  const type = request.headers.get("content-type") ?? ""
  if (!request.hasBody && type === "") return undefined
  checkContentType(type)
  if (!request.hasBody) return undefined
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge()
  const text = (await readBytes(request.body)).toString("utf8")
  try {
    return decodeJson(text)
  } catch (error) {
    const fault = findJsonFault(text)
    if (fault?.kind === "trailing") throw new Failure("invalidArgument", "unexpected content after JSON", error)
    const why =
      fault?.kind === "empty"
        ? "got EOF while reading request body"
        : (fault?.message ?? (error instanceof Error ? error.message : "unreadable"))
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
