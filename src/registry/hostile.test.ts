import { expect, test } from "bun:test"
import { readdirSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { digestOf } from "../oci/digest.ts"
import { TestRegistry } from "./registry.fixture.ts"

/** A generator that repeats itself. */
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Sends bytes as they are. @returns the status, or 0 when the connection was closed without one */
function raw(address: string, text: string): Promise<number> {
  return new Promise((done) => {
    const [host, port] = address.split(":")
    const socket = connect({ host, port: Number(port) }, () => socket.write(text))
    let answer = ""
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1")
      if (answer.includes("\r\n\r\n")) socket.destroy()
    })
    socket.on("error", () => {})
    socket.on("close", () => done(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0)))
  })
}

test("odd requests are refused, never a fault of the server, and reach nothing outside the root", async () => {
  await using registry = await TestRegistry.start()
  const { manifest, layer } = await registry.image("a/b", "v1")
  const location = (await registry.ask("POST", "/v2/a/b/blobs/uploads/")).headers.get("location")!
  const pick = generator(20261125)
  const one = <T>(items: readonly T[]): T => items[pick(items.length)]!
  const names = [
    "a/b",
    "a",
    "..",
    "a/../../x",
    "%2e%2e/%2e%2e",
    "A",
    "_oci",
    "a/_tags",
    "",
    "a//b",
    "x".repeat(300),
    "a%00b",
  ]
  const references = [
    "v1",
    manifest,
    layer,
    digestOf("x"),
    "sha256:",
    "..",
    "%2e%2e%2f%2e%2e",
    "",
    "a:b:c",
    "%ff",
    "x".repeat(200),
  ]
  const words = ["blobs", "manifests", "tags/list", "referrers", "blobs/uploads", "nonsense"]
  const queries = [
    "",
    "?n=-1",
    "?n=99999999999",
    "?last=%ff",
    "?digest=x",
    `?digest=${layer}`,
    "?mount=..&from=../..",
    "?artifactType=%00",
    "?tag=..",
    "?ns=..%2f..",
  ]
  const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get"]
  const headers = [
    "",
    "Range: bytes=5-1\r\n",
    "Content-Range: 9-1\r\n",
    "Content-Range: x\r\n",
    'If-Match: "\r\n',
    "Authorization: Basic %%%\r\n",
    "Authorization: Bearer ...\r\n",
    "Content-Type: ;;\r\n",
  ]
  const bodies = [
    "",
    "{}",
    "null",
    '{"schemaVersion":2,"layers":5}',
    '{"schemaVersion":2,"subject":{"digest":1}}',
    "\0\0",
  ]
  for (let round = 0; round < 1500; round++) {
    const path = pick(8) === 0 ? location : `/v2/${one(names)}/${one(words)}/${one(references)}`
    const body = one(bodies)
    const head = `${one(methods)} ${path}${one(queries)} HTTP/1.1\r\nHost: x\r\n${one(headers)}Content-Length: ${body.length}\r\n\r\n`
    const status = await raw(registry.address, head + body)
    if (status < 200 || status >= 500) throw new Error(`${status} for ${head}${body}\n${registry.lines.join("")}`)
  }
  expect(readdirSync(registry.root).sort()).toEqual(["config.json", "data"])
  expect(readdirSync(join(registry.root, "data")).sort()).toEqual([
    "blobs",
    "catalog",
    "lock",
    "repositories",
    "tmp",
    "uploads",
  ])
  expect(readdirSync(join(registry.root, "data/repositories"))).toEqual(["a"])
})
