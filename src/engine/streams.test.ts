import { afterAll, beforeAll, expect, test } from "bun:test"
import { join } from "node:path"
import { containerId, FakeEngine, message } from "../../test/fixtures/fake-engine.ts"
import { Span } from "../trace/span.ts"
import { TraceStore } from "./traces/store.ts"

let engine: FakeEngine

beforeAll(async () => {
  engine = await FakeEngine.start()
})

afterAll(async () => {
  await engine[Symbol.asyncDispose]()
})

test("booleans are off for few words only, and have their absent values", async () => {
  for (const [query, timestamps] of [
    ["", false],
    ["&timestamps=", false],
    ["&timestamps=No", false],
    ["&timestamps=none", false],
    ["&timestamps=0", false],
    ["&timestamps=x", true],
    ["&timestamps=1", true],
  ] as const) {
    await (await engine.call("GET", `/containers/x/logs?stdout=1${query}`)).text()
    expect(engine.seenLogs!.timestamps).toBe(timestamps)
  }
})

test("logs want a stream, and times with nanoseconds", async () => {
  expect((await engine.call("GET", "/containers/x/logs")).status).toBe(400)
  expect((await engine.call("GET", "/containers/x/logs?stdout=1&since=yesterday")).status).toBe(400)
  const response = await engine.call("GET", "/containers/x/logs?stdout=1&tail=5&since=1732420000.5")
  expect(response.headers.get("content-type")).toBe("application/vnd.docker.multiplexed-stream")
  expect(engine.seenLogs).toMatchObject({ tail: 5, since: 1732420000_500000000n })
  const old = await engine.call("GET", "/v1.41/containers/x/logs?stderr=1&tail=all&since=0")
  expect(old.headers.get("content-type")).toBe("application/vnd.docker.raw-stream")
  expect(engine.seenLogs).toMatchObject({ tail: undefined, since: undefined })
})

test("wait shows its head before the container ends", async () => {
  const response = await engine.call("POST", "/containers/x/wait?condition=next-exit")
  expect(response.status).toBe(200)
  engine.finishWait(7)
  expect(await response.json()).toEqual({ StatusCode: 7 })
  expect((await engine.call("POST", "/containers/x/wait?condition=tomorrow")).status).toBe(400)
})

test("events carry exact nanoseconds and, for versions before 1.52, the old fields; json-seq is marked", async () => {
  const old = await engine.call("GET", "/v1.51/events?since=1&until=2.000000005")
  expect(old.headers.get("content-type")).toBe("application/json")
  expect(await old.json()).toMatchObject({ status: "start", id: containerId, from: "busybox" })
  const response = await engine.call("GET", "/events?since=1&until=2.000000005")
  expect(response.headers.get("content-type")).toBe("application/jsonl")
  const text = await response.text()
  expect(text).toContain('"timeNano":1732420000123456789')
  expect(JSON.parse(text)).not.toHaveProperty("status")
  expect(engine.seenEvents).toMatchObject({ since: 1_000_000_000n, until: 2_000_000_005n })
  const sequence = await engine.call("GET", "/events", undefined, { Accept: "application/json-seq" })
  expect(sequence.headers.get("content-type")).toBe("application/json-seq")
  expect(await sequence.text()).toStartWith("\x1e{")
})

test("progress that fails before its first message is a status, afterwards a record of the stream", async () => {
  const pull = await engine.call("POST", "/images/create?fromImage=nope&tag=latest")
  expect(pull.status).toBe(404)
  expect(await message(pull)).toBe("pull access denied")
  const load = await engine.call("POST", "/images/load", "tar", { "Content-Type": "application/x-tar" })
  expect(load.status).toBe(200)
  expect(await load.text()).toBe(
    '{"stream":"Loaded image: a\\n"}\r\n{"errorDetail":{"message":"pull access denied"},"error":"pull access denied"}\r\n',
  )
})

test("attach with Upgrade is 101 with its type by version, and half-close works", async () => {
  const upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n"
  const got = await engine.raw(
    `POST /v1.51/containers/x/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\n${upgrade}\r\nhello`,
  )
  expect(got).toBe(
    "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n" +
      "\x01\0\0\0\0\0\0\x05hello\x01\0\0\0\0\0\0\x03bye",
  )
  expect(engine.seenAttach).toMatchObject({
    stream: true,
    stdin: true,
    stdout: true,
    stderr: false,
    logs: false,
    raw: false,
  })
  const tty = await engine.raw(`POST /containers/tty/attach?stream=1 HTTP/1.1\r\nHost: d\r\n${upgrade}\r\nhello`)
  expect(tty).toContain("Content-Type: application/vnd.docker.raw-stream")
  expect(tty).toEndWith("\r\n\r\nhellobye")
})

test("attach without Upgrade is 200 and raw bytes", async () => {
  const got = await engine.raw(
    "POST /containers/tty/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\nhi",
  )
  expect(got).toBe("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nhibye")
})

test("attach to nothing is the old hand-written text", async () => {
  const got = await engine.raw("POST /containers/missing/attach?stream=1 HTTP/1.1\r\nHost: d\r\nUpgrade: tcp\r\n\r\n")
  expect(got).toBe(
    "HTTP/1.1 404 Not Found\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nNo such container: missing\r\n",
  )
})

test("exec start reads its body, then hijacks with the usual headers; failures before are JSON", async () => {
  const start = (id: string, upgrade: string) =>
    engine.raw(
      `POST /exec/${id}/start HTTP/1.1\r\nHost: d\r\n${upgrade}Content-Type: application/json\r\nContent-Length: 28\r\n\r\n{"Detach":false,"Tty":false}in`,
    )
  const upgraded = await start("e", "Connection: Upgrade\r\nUpgrade: tcp\r\n")
  expect(upgraded).toStartWith("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n")
  expect(upgraded).toContain("Api-Version: 1.56\r\n")
  expect(upgraded).toEndWith("\x01\0\0\0\0\0\0\x02in\x01\0\0\0\0\0\0\x03bye")
  const plain = await start("e", "")
  expect(plain).toStartWith("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n")
  const busy = await start("busy", "Connection: Upgrade\r\nUpgrade: tcp\r\n")
  expect(busy).toStartWith("HTTP/1.1 409 Conflict\r\n")
  expect(busy).toContain('{"message":"exec was started before"}')
})

test("attach over a websocket carries raw binary messages both ways", async () => {
  const socket = new WebSocket(`ws+unix://${engine.path}:/containers/x/attach/ws?stream=1&stdin=1&stdout=1`)
  socket.binaryType = "arraybuffer"
  const got = new Promise<string>((resolve, reject) => {
    socket.onmessage = (event) => resolve(Buffer.from(event.data as ArrayBuffer).toString())
    socket.onerror = () => reject(new Error("websocket failed"))
  })
  await new Promise((resolve) => {
    socket.onopen = resolve
  })
  socket.send(Buffer.from("over the wire"))
  expect(await got).toBe("over the wire")
  expect(engine.seenAttach!.raw).toBe(true)
  socket.close()
})

test("a request continues the caller's trace, and a container's trace is kept over a restart", async () => {
  const caller = Span.root(() => {}, "cli", "run")
  await engine.call("POST", "/containers/create?name=traced", '{"Image":"x"}', { traceparent: caller.traceparent })
  const spans = (await (await engine.call("GET", `/barge/traces/${caller.traceId}`)).json()) as {
    name: string
    parentId: string
  }[]
  expect(spans).toHaveLength(1)
  expect(spans[0]).toMatchObject({
    name: "POST /containers/create",
    parentId: caller.spanId,
    layer: "api",
    attributes: { status: 201 },
  })
  await engine.traces.flush()
  const again = new TraceStore({ directory: join(engine.folder, "traces") })
  const kept = await again.ofContainer({ namespace: "moby", span: caller }, containerId)
  expect(kept.some((span) => span.traceId === caller.traceId)).toBe(true)
  expect((await engine.call("GET", `/containers/${"d".repeat(64)}/trace`)).status).toBe(404)
  expect((await engine.call("GET", "/containers/..%2F..%2Fetc/trace")).status).toBe(404)
})
