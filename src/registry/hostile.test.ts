import { expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { readdirSync, readlinkSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { digestOf } from "../oci/digest.ts"
import { codeOf, imageManifest, TestRegistry } from "./registry.fixture.ts"

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

/** Opens a connection and sends bytes on it. */
function opened(address: string, text: string, body?: Uint8Array): Promise<Socket> {
  return new Promise((done) => {
    const [host, port] = address.split(":")
    const socket = connect({ host, port: Number(port) }, () => {
      socket.write(text)
      if (body) socket.write(body)
      done(socket)
    })
    socket.on("error", () => {})
  })
}

test("bodies of requests that have none keep nobody from pushing, however slowly their clients read", async () => {
  await using registry = await TestRegistry.start()
  const blob = await registry.push("a", randomBytes(8 << 20))
  const sockets: Socket[] = []
  for (let client = 0; client < 16; client++) {
    const head = `GET /v2/a/blobs/${blob} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n`
    const socket = await opened(registry.address, head, Buffer.alloc(600_000))
    await new Promise((began) => socket.once("data", began))
    socket.pause()
    sockets.push(socket)
  }
  await registry.push("b", randomBytes(8 << 20))
  for (const socket of sockets) socket.destroy()
})

test("uploads that clients leave hold no descriptors, and go on when a client comes back", async () => {
  await using registry = await TestRegistry.start()
  const files = () =>
    readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${registry.root}/data/uploads`)
      } catch {
        return false
      }
    })
  const locations: string[] = []
  for (let upload = 0; upload < 20; upload++) {
    const location = (await registry.ask("POST", "/v2/a/blobs/uploads/")).headers.get("location")!
    expect((await registry.ask("PATCH", location, { body: "be" })).status).toBe(202)
    locations.push(location)
  }
  expect(files()).toEqual([])
  const done = await registry.ask("PUT", `${locations[0]}?digest=${digestOf("begun")}`, { body: "gun" })
  expect(done.status).toBe(201)
})

test("a manifest that takes long to parse is refused before, and a refusal stays small", async () => {
  await using registry = await TestRegistry.start()
  const config = { digest: digestOf("x"), size: 1 }
  const deep = "[".repeat(500_000) + "]".repeat(500_000)
  const wide = JSON.stringify(Object.fromEntries(Array.from({ length: 50_000 }, (_, number) => [`k${number}`, ""])))
  for (const [field, says] of [
    [deep, "nested more than 100 levels deep"],
    [wide, "an object of more than 10000 fields"],
  ] as const) {
    const manifest = imageManifest(config, []).replace(/}$/, `,"annotations":${field}}`)
    const answer = await registry.putManifest("a", "v1", manifest)
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(says)])
  }
  const layers = Array.from({ length: 5000 }, (_, number) => ({ digest: digestOf(`${number}`), size: 1 }))
  const answer = await registry.putManifest("a", "v1", imageManifest(config, layers))
  expect(answer.status).toBe(404)
  const text = await answer.text()
  expect(text).toContain("and 4981 more")
  expect(text.length).toBeLessThan(10_000)
})

test("a manifest of 4 MiB is taken, a larger one is too large", async () => {
  await using registry = await TestRegistry.start()
  const bytes = "x"
  const config = { digest: await registry.push("a", Buffer.from(bytes)), size: 1 }
  const ofSize = (size: number) => {
    const rest = size - imageManifest(config, [], { annotations: { filler: "" } }).length
    return imageManifest(config, [], { annotations: { filler: "x".repeat(rest) } })
  }
  expect((await registry.putManifest("a", "v1", ofSize(4 << 20))).status).toBe(201)
  const refused = await registry.putManifest("a", "v1", ofSize((4 << 20) + 1))
  expect([refused.status, await codeOf(refused)]).toEqual([413, "SIZE_INVALID"])
})
