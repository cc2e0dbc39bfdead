import { afterAll, beforeAll, expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { connect } from "node:net"
import { digestOf } from "../oci/digest.ts"
import { codeOf, sha512, TestRegistry } from "./registry.fixture.ts"

let registry: TestRegistry
beforeAll(async () => {
  registry = await TestRegistry.start()
})
afterAll(() => registry[Symbol.asyncDispose]())

const begin = async (repository: string, query = ""): Promise<string> => {
  const answer = await registry.ask("POST", `/v2/${repository}/blobs/uploads/${query}`)
  expect(answer.status).toBe(202)
  return answer.headers.get("location")!
}

const read = async (repository: string, digest: string): Promise<Buffer> =>
  Buffer.from(await (await registry.ask("GET", `/v2/${repository}/blobs/${digest}`)).arrayBuffer())

test("a blob goes up by POST and PUT, and comes down as it was", async () => {
  const bytes = randomBytes(3_000_000)
  const location = await begin("a/b")
  const put = await registry.ask("PUT", `${location}?digest=${digestOf(bytes)}`, { body: bytes })
  expect(put.status).toBe(201)
  expect(put.headers.get("location")).toBe(`/v2/a/b/blobs/${digestOf(bytes)}`)
  expect(put.headers.get("docker-content-digest")).toBe(digestOf(bytes))
  expect((await read("a/b", digestOf(bytes))).equals(bytes)).toBe(true)
})

test("a blob goes up by a single POST", async () => {
  const bytes = randomBytes(1000)
  const post = await registry.ask("POST", `/v2/a/blobs/uploads/?digest=${digestOf(bytes)}`, { body: bytes })
  expect(post.status).toBe(201)
  expect((await read("a", digestOf(bytes))).equals(bytes)).toBe(true)
})

test("chunks go up in order; one out of order is refused with where the upload stands", async () => {
  const bytes = randomBytes(1000)
  const location = await begin("a")
  const chunk = (start: number, end: number) =>
    registry.ask("PATCH", location, {
      body: bytes.subarray(start, end),
      headers: { "Content-Range": `${start}-${end - 1}` },
    })
  const first = await chunk(0, 400)
  expect([first.status, first.headers.get("range")]).toEqual([202, "0-399"])
  const wrong = await chunk(500, 1000)
  expect([wrong.status, wrong.headers.get("range"), await codeOf(wrong)]).toEqual([416, "0-399", "BLOB_UPLOAD_INVALID"])
  const status = await registry.ask("GET", location)
  expect([status.status, status.headers.get("range")]).toEqual([204, "0-399"])
  const last = await registry.ask("PUT", `${location}?digest=${digestOf(bytes)}`, {
    body: bytes.subarray(400),
    headers: { "Content-Range": "400-999" },
  })
  expect(last.status).toBe(201)
  expect((await read("a", digestOf(bytes))).equals(bytes)).toBe(true)
})

test("a chunk that is not as long as it says is refused, and leaves the upload where it was", async () => {
  const location = await begin("a")
  const headers = { "Content-Range": "0-20" }
  const wrong = await registry.ask("PATCH", location, { body: "hello", headers })
  expect([wrong.status, await codeOf(wrong)]).toEqual([400, "SIZE_INVALID"])
  const status = await registry.ask("GET", location)
  expect([status.status, status.headers.get("range")]).toEqual([204, "0-0"])
  const right = await registry.ask("PUT", `${location}?digest=${digestOf("hello")}`, { body: "hello" })
  expect(right.status).toBe(201)
})

test("bytes that do not have the digest are refused, and the upload is gone", async () => {
  const location = await begin("a")
  const put = await registry.ask("PUT", `${location}?digest=${digestOf("other")}`, { body: "bytes" })
  expect([put.status, await codeOf(put)]).toEqual([400, "DIGEST_INVALID"])
  const gone = await registry.ask("GET", location)
  expect([gone.status, await codeOf(gone)]).toEqual([404, "BLOB_UPLOAD_UNKNOWN"])
  expect((await registry.ask("HEAD", `/v2/a/blobs/${digestOf("bytes")}`)).status).toBe(404)
})

test("sha512 names a blob, told at the start or at the end", async () => {
  for (const query of ["?digest-algorithm=sha512", ""]) {
    const bytes = randomBytes(1000)
    const location = await begin("long", query)
    expect((await registry.ask("PATCH", location, { body: bytes })).status).toBe(202)
    expect((await registry.ask("PUT", `${location}?digest=${sha512(bytes)}`)).status).toBe(201)
    expect((await read("long", sha512(bytes))).equals(bytes)).toBe(true)
  }
})

test("a cancelled upload is gone", async () => {
  const location = await begin("a")
  expect((await registry.ask("DELETE", location)).status).toBe(204)
  expect((await registry.ask("PATCH", location, { body: "x" })).status).toBe(404)
})

test("an upload belongs to its repository", async () => {
  const location = await begin("a")
  expect((await registry.ask("GET", location.replace("/v2/a/", "/v2/b/"))).status).toBe(404)
})

test("a blob is mounted from another repository, or from any; what is nowhere begins an upload", async () => {
  const digest = await registry.push("from/here", randomBytes(100))
  const mount = (query: string) => registry.ask("POST", `/v2/to/there/blobs/uploads/?mount=${query}`)
  const mounted = await mount(`${digest}&from=from/here`)
  expect([mounted.status, mounted.headers.get("location")]).toEqual([201, `/v2/to/there/blobs/${digest}`])
  expect((await registry.ask("HEAD", `/v2/to/there/blobs/${digest}`)).status).toBe(200)
  const nowhere = digestOf("nowhere")
  expect((await mount(`${nowhere}&from=from/here`)).status).toBe(202)
  expect((await registry.ask("POST", `/v2/never/blobs/uploads/?mount=${nowhere}`)).status).toBe(202)
  expect((await registry.ask("GET", "/v2/never/tags/list")).status).toBe(404)
  const other = await registry.push("from/here", randomBytes(100))
  expect((await mount(other)).status).toBe(201)
})

test("an upload goes on after a restart, with the digest of all of it", async () => {
  const bytes = randomBytes(500_000)
  await using first = await TestRegistry.start()
  const location = (await first.ask("POST", "/v2/a/blobs/uploads/")).headers.get("location")!
  await first.ask("PATCH", location, { body: bytes.subarray(0, 200_000) })
  await first.stop()
  await using second = await TestRegistry.start({}, [], { root: first.root })
  const status = await second.ask("GET", location)
  expect(status.headers.get("range")).toBe("0-199999")
  await second.ask("PATCH", location, { body: bytes.subarray(200_000), headers: { "Content-Range": "200000-499999" } })
  expect((await second.ask("PUT", `${location}?digest=${digestOf(bytes)}`)).status).toBe(201)
})

test("what came before a client broke off is kept", async () => {
  const location = await begin("a")
  const [host, port] = registry.address.split(":")
  const socket = connect({ host, port: Number(port) })
  await new Promise<void>((done) => {
    socket.write(`PATCH ${location} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n${"x".repeat(300)}`, () =>
      done(),
    )
  })
  const closed = new Promise((done) => socket.on("close", done).resume())
  socket.end()
  await closed
  for (;;) {
    const status = await registry.ask("GET", location)
    if (status.headers.get("range") === "0-299") break
    expect(status.headers.get("range")).toBe("0-0") // not noticed yet
  }
})

test("two requests cannot write one upload at once", async () => {
  const location = await begin("a")
  const [host, port] = registry.address.split(":")
  const socket = connect({ host, port: Number(port) })
  socket.on("error", () => {})
  socket.write(`PATCH ${location} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n`)
  await new Promise((done) => socket.once("data", done)) // told to go on: the first has the upload
  const second = await registry.ask("PATCH", location, { body: "x" })
  expect(second.status).toBe(409)
  socket.destroy()
})

test("parts of a blob are served by range", async () => {
  const digest = await registry.push("a", Buffer.from("0123456789"))
  const part = async (range: string) => {
    const answer = await registry.ask("GET", `/v2/a/blobs/${digest}`, { headers: { Range: range } })
    return [answer.status, await answer.text(), answer.headers.get("content-range")]
  }
  expect(await part("bytes=2-4")).toEqual([206, "234", "bytes 2-4/10"])
  expect(await part("bytes=7-")).toEqual([206, "789", "bytes 7-9/10"])
  expect(await part("bytes=-2")).toEqual([206, "89", "bytes 8-9/10"])
  expect(await part("bytes=5-100")).toEqual([206, "56789", "bytes 5-9/10"])
  expect((await part("bytes=10-"))[0]).toBe(416)
  expect(await part("bytes=1-2,4-5")).toEqual([200, "0123456789", null])
})

test("a client that reads slowly, and stops now and then, gets the very bytes", async () => {
  const bytes = randomBytes(12_000_000)
  const digest = await registry.push("a", bytes)
  const [host, port] = registry.address.split(":")
  const socket = connect({ host, port: Number(port) })
  socket.write(`GET /v2/a/blobs/${digest} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  const parts: Buffer[] = []
  let count = 0
  for await (const part of socket) {
    parts.push(part)
    // Others are served while this one's buffers are full.
    if (count++ % 8 === 0) await read("a", digest)
  }
  const all = Buffer.concat(parts)
  expect(digestOf(all.subarray(all.indexOf("\r\n\r\n") + 4))).toBe(digest)
})

test("a blob that the client has is not sent again", async () => {
  const digest = await registry.push("a", Buffer.from("kept"))
  const answer = await registry.ask("GET", `/v2/a/blobs/${digest}`, { headers: { "If-None-Match": `"${digest}"` } })
  expect([answer.status, await answer.text()]).toEqual([304, ""])
})

test("a deleted blob is gone at once, and can be pushed again", async () => {
  const bytes = randomBytes(100)
  const digest = await registry.push("a", bytes)
  expect((await registry.ask("DELETE", `/v2/a/blobs/${digest}`)).status).toBe(202)
  const gone = await registry.ask("GET", `/v2/a/blobs/${digest}`)
  expect([gone.status, await codeOf(gone)]).toEqual([404, "BLOB_UNKNOWN"])
  expect((await registry.ask("DELETE", `/v2/a/blobs/${digest}`)).status).toBe(404)
  await registry.push("a", bytes)
  expect((await read("a", digest)).equals(bytes)).toBe(true)
})
