import { decodeJson } from "../std/json.ts"

/** The values of a stream of JSON documents, each on a line of its own (with or without a carriage return). */
export async function* jsonValues<T>(body: AsyncIterable<Uint8Array>): AsyncGenerator<T> {
  for await (const line of textLines(body)) if (line.trim()) yield decodeJson(line) as T
}

/** The same, with each value's own text as the daemon wrote it. */
export async function* textLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ""
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n")
    rest = lines.pop()!
    yield* lines
  }
  if (rest) yield rest
}
