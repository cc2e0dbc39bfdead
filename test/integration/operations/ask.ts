import type { Answer, TestDaemon } from "../../fixtures/daemon.ts"
import { RawClient } from "../../fixtures/raw-client.ts"

/** Asks over a bare connection and reads until the daemon closes it: for answers that take the connection over. */
export async function askBare(
  daemon: TestDaemon,
  method: string,
  path: string,
  body: string,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const client = new RawClient(daemon.socket)
  const lines = Object.entries({ Host: "docker", "Content-Length": String(body.length), ...headers })
  await client.send(
    `${method} ${path} HTTP/1.1\r\n${lines.map(([key, value]) => `${key}: ${value}\r\n`).join("")}\r\n${body}`,
  )
  const text = await client.untilEnd()
  const end = text.indexOf("\r\n\r\n")
  const [first = "", ...fields] = text.slice(0, end).split("\r\n")
  const found = fields.map((line) => [
    line.slice(0, line.indexOf(":")).toLowerCase(),
    line.slice(line.indexOf(":") + 2),
  ])
  const rest = text.slice(end + 4)
  return {
    status: Number(first.split(" ")[1]),
    headers: Object.fromEntries(found),
    text: rest,
    bytes: Buffer.from(rest, "latin1"),
  }
}
