import { expect, test } from "bun:test"
import { connect } from "node:net"
import { eventually } from "../../test/fixtures/eventually.ts"
import { digestOf } from "../oci/digest.ts"
import { TestRegistry } from "./registry.fixture.ts"

test("metrics count requests by operation and status, at an address of their own", async () => {
  await using registry = await TestRegistry.start({}, ["--metrics-addr", "127.0.0.1:0"])
  await registry.image("a", "v1")
  await registry.ask("GET", "/v2/a/manifests/nope")
  const text = await (await fetch(`http://${registry.metrics}/metrics`)).text()
  expect(text).toContain('barge_registry_requests_total{operation="manifest-push",status="201"} 1')
  expect(text).toContain('barge_registry_requests_total{operation="manifest-pull",status="404"} 1')
  expect(text).toContain("barge_registry_repositories 1")
  for (const line of text.trimEnd().split("\n")) {
    expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? [0-9.e+-]+)$/)
  }
  expect((await registry.ask("GET", "/metrics")).status).toBe(404)
})

test("each request is one line of the access log, in the form that is asked for", async () => {
  await using registry = await TestRegistry.start({ accessLog: "json" })
  await registry.ask("GET", "/v2/a/tags/list", { headers: { "User-Agent": 'odd "agent"' } })
  await eventually(async () => registry.lines.length === 1, "the line is written")
  expect(JSON.parse(registry.lines.at(-1)!)).toMatchObject({
    method: "GET",
    target: "/v2/a/tags/list",
    status: 404,
    operation: "tags",
    remote: "127.0.0.1",
    agent: 'odd "agent"',
  })
  registry.configure({ accessLog: "text" })
  registry.reload()
  await registry.ask("GET", "/v2/")
  await eventually(async () => registry.lines.length === 2, "the line is written")
  expect(registry.lines.at(-1)).toMatch(/^\S+ 127\.0\.0\.1 - "GET \/v2\/" 200 3 [\d.]+ms ".*"\n$/)
})

test("a request under way is answered before the server ends", async () => {
  const registry = await TestRegistry.start()
  const location = (await registry.ask("POST", "/v2/a/blobs/uploads/")).headers.get("location")!
  const [host, port] = registry.address.split(":")
  const socket = connect({ host, port: Number(port) })
  let answer = ""
  socket.on("data", (chunk) => {
    answer += chunk
  })
  const put = `PUT ${location}?digest=${digestOf("0123456789")} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n`
  socket.write(put)
  while (!answer.includes("100 Continue")) await new Promise((done) => socket.once("data", done))
  const ended = registry[Symbol.asyncDispose]()
  const refused = await new Promise<string | undefined>((done) => {
    const late = connect({ host, port: Number(port) })
    late.on("error", (error: NodeJS.ErrnoException) => done(error.code))
    late.on("connect", () => done("connected"))
  })
  expect(refused).toBe("ECONNREFUSED")
  const closed = new Promise((done) => socket.once("close", done))
  socket.write("0123456789")
  await ended
  await closed
  expect(answer).toContain("HTTP/1.1 201 Created")
  expect(answer).toContain("Connection: close")
})

test("a root has one server at a time", async () => {
  await using registry = await TestRegistry.start()
  const second = TestRegistry.start({}, [], { root: registry.root })
  expect(await second.catch((error: Error) => error.message)).toContain("another registry serves")
  await registry.stop()
  await using _third = await TestRegistry.start({}, [], { root: registry.root })
})

test("a configuration that is wrong changes nothing", async () => {
  await using registry = await TestRegistry.start({ deletes: false })
  registry.configure({ deletes: true, nonsense: 1 })
  expect(() => registry.reload()).toThrow("unknown setting nonsense")
  expect((await registry.ask("DELETE", "/v2/a/manifests/x")).status).toBe(405)
})

test("an address that others reach is warned about, without users and without TLS", async () => {
  const warned = async (config: Record<string, unknown>, flags: string[]) => {
    await using registry = await TestRegistry.start(config, flags)
    const line = registry.lines.join("")
    return [line.includes("may push and delete"), line.includes("in the clear")]
  }
  expect(await warned({}, [])).toEqual([false, false])
  expect(await warned({}, ["--addr", "0.0.0.0:0"])).toEqual([true, true])
  expect(await warned({}, ["--addr", ":0", "--anonymous-pull"])).toEqual([false, true])
})
