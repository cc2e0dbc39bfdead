import { Failure } from "../errors/failure.ts"

/** All of a small body. @throws tooLarge above `limit` bytes */
export async function readBytes(body: AsyncIterable<Uint8Array>, limit: number, what = "the answer"): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    if (size > limit) throw new Failure("tooLarge", `${what} is larger than ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** As {@link readBytes}, as text. */
export async function readText(body: AsyncIterable<Uint8Array>, limit: number): Promise<string> {
  return (await readBytes(body, limit)).toString("utf8")
}
