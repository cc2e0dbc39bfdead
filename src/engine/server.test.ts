import { afterAll, beforeAll, expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { CreateRequest } from "../api/container-config.ts"
import { Failure } from "../errors/failure.ts"
import { frame } from "../std/stdcopy.ts"
import { Span } from "../trace/span.ts"
import type { Attachment, ContainerAttachOptions, Containers, LogsOptions } from "./containers/contract.ts"
import type { Events, EventsOptions } from "./events/contract.ts"
import type { Execs } from "./exec/contract.ts"
import type { Images } from "./images/contract.ts"
import type { Networks } from "./networks/contract.ts"
import type { RegistryQueries } from "./registry/contract.ts"
import { type ApiServer, createApiServer, type EngineServices } from "./server.ts"
import type { System } from "./system/contract.ts"
import { TraceStore } from "./traces/store.ts"
import type { Volumes } from "./volumes/contract.ts"

/** A service of which only what a test needs exists; the rest fails like a defect would. */
const only = <T extends object>(methods: Partial<T>): T =>
  new Proxy(methods, {
    get: (target, name) =>
      Reflect.get(target, name) ?? (() => Promise.reject(new Failure("internal", `not faked: ${String(name)}`))),
  }) as T

/** As much of a response as a test looks at. */
const part = <T>(value: object): T => value as T

const containerId = "c".repeat(64)
const created: { request?: CreateRequest; options?: unknown } = {}
let seenLogs: LogsOptions | undefined
let seenEvents: EventsOptions | undefined
let seenAttach: ContainerAttachOptions | undefined
let finishWait: (code: number) => void = () => {}

const noContainer = (ref: string) => new Failure("notFound", `No such container: ${ref}`)

/** Sends back what the client sends, on stdout, and a last word after the client's half-close. */
const echo = (multiplexed: boolean): Attachment => ({
  multiplexed,
  async serve(client) {
    const out = (bytes: Uint8Array) => client.write(multiplexed ? frame("stdout", bytes) : bytes)
    for await (const chunk of client.input) await out(chunk)
    await out(Buffer.from("bye"))
    await client.closeWrite()
  },
})

async function* values<T>(...items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

async function* failing<T>(...items: readonly T[]): AsyncGenerator<T> {
  yield* items
  throw new Failure("notFound", "pull access denied")
}

const folder = mkdtempSync(join(tmpdir(), "api-"))
const path = join(folder, "api.sock")
const traces = new TraceStore({ directory: join(folder, "traces") })
let server: ApiServer
const logged: string[] = []

const services: EngineServices = {
  traces,
  registry: only<RegistryQueries>({}),
  containers: only<Containers>({
    async create(scope, request, options) {
      created.request = request
      created.options = options
      traces.keep(containerId, scope.span)
      return { Id: containerId, Warnings: [] }
    },
    list: async () => [],
    async inspect(_scope, ref) {
      if (ref.replace(/^\//, "") !== "web/a:b") throw noContainer(ref)
      return part({
        Id: containerId,
        HostConfig: { Memory: 9007199254740993n },
        Config: { Hostname: "" },
        NetworkSettings: { Networks: {} },
      })
    },
    start: async () => {
      throw new Failure("notModified", "already running")
    },
    async wait() {
      return {
        result: new Promise((resolve) => {
          finishWait = (code) => resolve({ StatusCode: code })
        }),
      }
    },
    async attach(_scope, ref, options) {
      if (ref === "missing") throw noContainer(ref)
      seenAttach = options
      return echo(!options.raw && ref !== "tty")
    },
    async logs(_scope, _ref, options) {
      seenLogs = options
      return { multiplexed: true, chunks: values(frame("stdout", Buffer.from("line\n"))) }
    },
  }),
  execs: only<Execs>({
    create: async () => ({ Id: "e" }),
    async start(_scope, id, request) {
      if (id === "busy") throw new Failure("conflict", "exec was started before")
      return echo(!request.Tty)
    },
  }),
  images: only<Images>({
    pull: () => failing(),
    load: () => failing({ stream: "Loaded image: a\n" }),
    inspect: async (_scope, ref) => {
      throw new Failure("notFound", `No such image: ${ref}`)
    },
  }),
  volumes: only<Volumes>({ create: async (_scope, request) => part({ Name: request.Name }) }),
  networks: only<Networks>({}),
  events: only<Events>({
    subscribe(_scope, options) {
      seenEvents = options
      return values({
        Type: "container" as const,
        Action: "start",
        Actor: { ID: containerId, Attributes: { image: "busybox" } },
        scope: "local" as const,
        time: 1732420000,
        timeNano: 1732420000123456789n,
      })
    },
  }),
  system: only<System>({}),
}

beforeAll(async () => {
  server = createApiServer({ services, productVersion: "1.2.3", log: (line) => logged.push(line) })
  await server.listen({ kind: "unix", path })
})

afterAll(async () => {
  await server.close(0)
  await traces[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const call = (method: string, target: string, body?: string, headers: Record<string, string> = {}) =>
  fetch(`http://docker${target}`, {
    unix: path,
    method,
    ...(body === undefined ? {} : { body }),
    headers: { ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
  })

async function message(response: Response): Promise<string> {
  expect(response.headers.get("content-type")).toBe("application/json")
  return ((await response.json()) as { message: string }).message
}

/** Sends raw bytes, half-closes, and reads to the end. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let got = ""
    const socket = connect({ path, allowHalfOpen: true }, () => {
      socket.end(bytes, "latin1")
    })
    socket.on("data", (data) => {
      got += data.toString("latin1")
    })
    socket.on("error", () => {})
    socket.on("end", () => {
      socket.destroy()
      resolve(got)
    })
  })
}

test("ping works with and without version, by GET and HEAD, with every header once", async () => {
  for (const target of ["/_ping", "/v1.24/_ping", "/v1.51/_ping"]) {
    const response = await call("GET", target)
    expect(response.status).toBe(200)
    expect(await response.text()).toBe("OK")
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "api-version": "1.51",
      "builder-version": "1",
      "cache-control": "no-cache, no-store, must-revalidate",
      "content-type": "text/plain; charset=utf-8",
      "docker-experimental": "false",
      ostype: "linux",
      pragma: "no-cache",
      server: "Docker/1.2.3 (linux)",
      swarm: "inactive",
    })
  }
  const head = await call("HEAD", "/_ping")
  expect([head.status, head.headers.get("content-length")]).toEqual([200, "0"])
})

test("an unknown path and a wrong method are 404 page not found", async () => {
  for (const [method, target] of [
    ["GET", "/nope"],

    ["PUT", "/info"],
    ["POST", "/v1.24/"],
  ] as const) {
    const response = await call(method, target)
    expect(response.status).toBe(404)
    expect(await message(response)).toBe("page not found")
  }
})

test("versions out of range are told, the ones before JSON errors as text", async () => {
  const old = await call("GET", "/v1.12/containers/json")
  expect(old.status).toBe(400)
  expect(old.headers.get("content-type")).toStartWith("text/plain")
  expect(await old.text()).toContain(
    "client version 1.12 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version",
  )
  expect(await message(await call("GET", "/v9.9/info"))).toBe(
    "client version 9.9 is too new. Maximum supported API version is 1.51",
  )
})

test("a route is not there before its version", async () => {
  expect((await call("POST", "/v1.24/volumes/prune")).status).toBe(404)
})

for (const target of [
  "/containers/create",
  "/containers/foobar/exec",
  "/containers/foobar/update",
  "/exec/foobar/start",
  "/networks/create",
  "/volumes/create",
  "/commit",
  "/networks/x/connect",
]) {
  test(`${target} says what is wrong with a body`, async () => {
    const wrongType = await call("POST", target, '{"Image":"x"}', { "Content-Type": "text/plain" })
    expect(wrongType.status).toBe(400)
    expect(await message(wrongType)).toBe("unsupported Content-Type header (text/plain): must be 'application/json'")
    const broken = await call("POST", target, "{invalid json")
    expect(broken.status).toBe(400)
    expect(await message(broken)).toBe("invalid JSON: invalid character 'i' looking for beginning of object key string")
    expect(await message(await call("POST", target, "{} trailing content"))).toBe("unexpected content after JSON")
    expect(await message(await call("POST", target, "  "))).toBe("invalid JSON: got EOF while reading request body")
    expect(await message(await call("POST", target, "[1]"))).toContain("invalid JSON: json: cannot unmarshal array")
  })
}

test("a container cannot be created from nothing", async () => {
  for (const body of ["{}", '{"HostConfig":{}}', '{"HostConfigX":1}']) {
    const response = await call("POST", "/containers/create", body)
    expect(response.status).toBe(400)
    expect(await message(response)).toBe("config cannot be empty in order to create a container")
  }
  const bare = await call("POST", "/containers/create", undefined)
  expect([bare.status, await message(bare)]).toEqual([400, "invalid JSON: got EOF while reading request body"])
})

test("a create request gets every zero value, names match in any case, large numbers stay exact", async () => {
  const response = await call(
    "POST",
    "/v1.51/containers/create?name=web&platform=linux/amd64",
    '{"image":"busybox","Cmd":"ls","HostConfig":{"Memory":9007199254740993,"Mounts":[{"Type":"bind","Source":"/a","Target":"/b","ReadOnly":false}]},"Unknown":1}',
    { "Content-Type": "application/json; charset=utf-8" },
  )
  expect(response.status).toBe(201)
  expect(await response.json()).toEqual({ Id: containerId, Warnings: [] })
  const { request, options } = created
  expect(options).toEqual({ name: "web", platform: "linux/amd64", shallowReadOnly: false })
  expect(request).toMatchObject({ Image: "busybox", Cmd: ["ls"], Env: null, Hostname: "", Volumes: null, Tty: false })
  expect(request!.HostConfig).toMatchObject({
    Memory: 9007199254740993n,
    Binds: null,
    ConsoleSize: [0, 0],
    MemorySwappiness: null,
    RestartPolicy: { Name: "", MaximumRetryCount: 0 },
    Mounts: [{ Type: "bind", Source: "/a", Target: "/b" }],
  })
  expect("Init" in request!.HostConfig).toBe(false)
  expect("Healthcheck" in request!).toBe(false)
})

test("a value of the wrong type is named with its field", async () => {
  const response = await call("POST", "/containers/create", '{"Image":"x","HostConfig":{"Memory":"1g"}}')
  expect(await message(response)).toBe(
    "invalid JSON: json: cannot unmarshal string into Go struct field CreateRequest.HostConfig.Memory of type int64",
  )
})

test("an old client's create means what it meant", async () => {
  await call(
    "POST",
    "/v1.39/containers/create",
    '{"Image":"x","MacAddress":"02:00:00:00:00:01","HostConfig":{"NetworkMode":"bridge"}}',
  )
  expect(created.request!.HostConfig).toMatchObject({ CgroupnsMode: "host", IpcMode: "shareable" })
  expect(created.request!.NetworkingConfig.EndpointsConfig?.["bridge"]?.MacAddress).toBe("02:00:00:00:00:01")
})

test("path variables take slashes, colons and escapes; 64-bit numbers are written exactly", async () => {
  for (const target of ["/containers/web/a:b/json", "/containers/web%2Fa%3Ab/json", "/containers//web/a:b/json"]) {
    const response = await call("GET", target)
    expect(response.status).toBe(200)
    expect(await response.text()).toContain("9007199254740993")
  }
  const image = await call("GET", "/v1.40/images/localhost:5000/a/b:tag@sha256:aa/json")
  expect(await message(image)).toBe("No such image: localhost:5000/a/b:tag@sha256:aa")
  expect((await call("GET", "/containers/%zz/json")).status).toBe(400)
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
    await (await call("GET", `/containers/x/logs?stdout=1${query}`)).text()
    expect(seenLogs!.timestamps).toBe(timestamps)
  }
})

test("logs want a stream, and times with nanoseconds", async () => {
  expect((await call("GET", "/containers/x/logs")).status).toBe(400)
  expect((await call("GET", "/containers/x/logs?stdout=1&since=yesterday")).status).toBe(400)
  const response = await call("GET", "/containers/x/logs?stdout=1&tail=5&since=1732420000.5")
  expect(response.headers.get("content-type")).toBe("application/vnd.docker.multiplexed-stream")
  expect(seenLogs).toMatchObject({ tail: 5, since: 1732420000_500000000n })
  const old = await call("GET", "/v1.41/containers/x/logs?stderr=1&tail=all&since=0")
  expect(old.headers.get("content-type")).toBe("application/vnd.docker.raw-stream")
  expect(seenLogs).toMatchObject({ tail: undefined, since: undefined })
})

test("numbers and terminal sizes that are none are refused", async () => {
  expect(await message(await call("POST", "/containers/x/stop?t=foo"))).toContain('"foo": invalid syntax')
  expect(await message(await call("POST", "/containers/x/resize?h=foo&w=1"))).toBe(
    'invalid resize height "foo": invalid syntax',
  )
  expect(await message(await call("POST", "/containers/x/resize?h=1&w=99999999999"))).toBe(
    'invalid resize width "99999999999": value out of range',
  )
})

test("filters are taken in both forms, unknown keys and other shapes refused", async () => {
  for (const filters of ['{"label":["a"]}', '{"label":{"a":true}}', "", "null"]) {
    expect((await call("GET", `/containers/json?filters=${encodeURIComponent(filters)}`)).status).toBe(200)
  }
  expect(await message(await call("GET", `/containers/json?filters=${encodeURIComponent('{"foo":["a"]}')}`))).toBe(
    "invalid filter 'foo'",
  )
  for (const filters of ["{", "[]", "7", '{"label":7}', '{"label":[7]}'])
    expect((await call("GET", `/containers/json?filters=${encodeURIComponent(filters)}`)).status).toBe(400)
})

test("what is not modified is 304 without a body", async () => {
  const response = await call("POST", "/containers/x/start")
  expect([response.status, await response.text()]).toEqual([304, ""])
  expect((await call("POST", "/containers/x/start", '{"Binds":["/a:/b"]}')).status).toBe(400)
})

test("wait shows its head before the container ends", async () => {
  const response = await call("POST", "/containers/x/wait?condition=next-exit")
  expect(response.status).toBe(200)
  finishWait(7)
  expect(await response.json()).toEqual({ StatusCode: 7 })
  expect((await call("POST", "/containers/x/wait?condition=tomorrow")).status).toBe(400)
})

test("events carry exact nanoseconds and, for versions before 1.52, the old fields; json-seq is marked", async () => {
  const response = await call("GET", "/events?since=1&until=2.000000005")
  expect(response.headers.get("content-type")).toBe("application/json")
  const text = await response.text()
  expect(text).toContain('"timeNano":1732420000123456789')
  expect(JSON.parse(text)).toMatchObject({ status: "start", id: containerId, from: "busybox" })
  expect(seenEvents).toMatchObject({ since: 1_000_000_000n, until: 2_000_000_005n })
  const sequence = await call("GET", "/events", undefined, { Accept: "application/json-seq" })
  expect(await sequence.text()).toStartWith("\x1e{")
})

test("progress that fails before its first message is a status, afterwards a record of the stream", async () => {
  const pull = await call("POST", "/images/create?fromImage=nope&tag=latest")
  expect(pull.status).toBe(404)
  expect(await message(pull)).toBe("pull access denied")
  const load = await call("POST", "/images/load", "tar", { "Content-Type": "application/x-tar" })
  expect(load.status).toBe(200)
  expect(await load.text()).toBe(
    '{"stream":"Loaded image: a\\n"}\r\n{"errorDetail":{"message":"pull access denied"},"error":"pull access denied"}\r\n',
  )
})

test("attach with Upgrade is 101 with its type by version, and half-close works", async () => {
  const upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\n"
  const got = await raw(
    `POST /v1.51/containers/x/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\n${upgrade}\r\nhello`,
  )
  expect(got).toBe(
    "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n" +
      "\x01\0\0\0\0\0\0\x05hello\x01\0\0\0\0\0\0\x03bye",
  )
  expect(seenAttach).toMatchObject({ stream: true, stdin: true, stdout: true, stderr: false, logs: false, raw: false })
  const tty = await raw(`POST /containers/tty/attach?stream=1 HTTP/1.1\r\nHost: d\r\n${upgrade}\r\nhello`)
  expect(tty).toContain("Content-Type: application/vnd.docker.raw-stream")
  expect(tty).toEndWith("\r\n\r\nhellobye")
})

test("attach without Upgrade is 200 and raw bytes", async () => {
  const got = await raw(
    "POST /containers/tty/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\nhi",
  )
  expect(got).toBe("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nhibye")
})

test("attach to nothing is the old hand-written text", async () => {
  const got = await raw("POST /containers/missing/attach?stream=1 HTTP/1.1\r\nHost: d\r\nUpgrade: tcp\r\n\r\n")
  expect(got).toBe(
    "HTTP/1.1 404 Not Found\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nNo such container: missing\r\n",
  )
})

test("exec start reads its body, then hijacks with the usual headers; failures before are JSON", async () => {
  const start = (id: string, upgrade: string) =>
    raw(
      `POST /exec/${id}/start HTTP/1.1\r\nHost: d\r\n${upgrade}Content-Type: application/json\r\nContent-Length: 28\r\n\r\n{"Detach":false,"Tty":false}in`,
    )
  const upgraded = await start("e", "Connection: Upgrade\r\nUpgrade: tcp\r\n")
  expect(upgraded).toStartWith("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n")
  expect(upgraded).toContain("Api-Version: 1.51\r\n")
  expect(upgraded).toEndWith("\x01\0\0\0\0\0\0\x02in\x01\0\0\0\0\0\0\x03bye")
  const plain = await start("e", "")
  expect(plain).toStartWith("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n")
  const busy = await start("busy", "Connection: Upgrade\r\nUpgrade: tcp\r\n")
  expect(busy).toStartWith("HTTP/1.1 409 Conflict\r\n")
  expect(busy).toContain('{"message":"exec was started before"}')
})

test("attach over a websocket carries raw binary messages both ways", async () => {
  const socket = new WebSocket(`ws+unix://${path}:/containers/x/attach/ws?stream=1&stdin=1&stdout=1`)
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
  expect(seenAttach!.raw).toBe(true)
  socket.close()
})

test("what belongs to a swarm is 503, plugins are an empty list, sessions are refused clearly", async () => {
  for (const [method, target] of [
    ["GET", "/services"],
    ["GET", "/v1.40/nodes/x"],
    ["DELETE", "/secrets/a"],
  ] as const) {
    const response = await call(method, target)
    expect(response.status).toBe(503)
    expect(await message(response)).toStartWith("This node is not a swarm manager.")
  }
  expect((await call("POST", "/swarm/leave")).status).toBe(503)
  expect((await call("POST", "/swarm/init")).status).toBe(501)
  expect(await (await call("GET", "/plugins")).json()).toEqual([])
  expect(await message(await call("POST", "/plugins/vendor/name/enable"))).toBe('plugin "vendor/name" not found')
  expect((await call("POST", "/plugins/pull?remote=x")).status).toBe(501)
  expect(await message(await call("POST", "/grpc"))).toContain("no upgrade")
  expect(await raw("POST /session HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: spdy\r\n\r\n")).toContain(
    "not supported",
  )
})

test("the daemon's own faults are 500 and logged once", async () => {
  const response = await call("GET", "/info?secret=1")
  expect(response.status).toBe(500)
  expect(await message(response)).toBe("not faked: info")
  expect(logged.filter((line) => line.startsWith("GET /info"))).toEqual(["GET /info: not faked: info"])
})

test("a request continues the caller's trace, and a container's trace is kept over a restart", async () => {
  const caller = Span.root(() => {}, "cli", "run")
  await call("POST", "/containers/create?name=traced", '{"Image":"x"}', { traceparent: caller.traceparent })
  const spans = (await (await call("GET", `/barge/traces/${caller.traceId}`)).json()) as {
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
  await traces.flush()
  const again = new TraceStore({ directory: join(folder, "traces") })
  const kept = await again.ofContainer({ namespace: "moby", span: caller }, containerId)
  expect(kept.some((span) => span.traceId === caller.traceId)).toBe(true)
  expect((await call("GET", `/containers/${"d".repeat(64)}/trace`)).status).toBe(404)
  expect((await call("GET", "/containers/..%2F..%2Fetc/trace")).status).toBe(404)
})

test("malformed requests on every endpoint leave the daemon answering", async () => {
  const targets = [
    "/containers/create",
    "/containers/x/json",
    "/exec/x/start",
    "/images/json",
    "/images/load",
    "/volumes/create",
    "/events",
    "/build/prune",
    "/auth",
    "/commit",
  ]
  const bodies = [
    "",
    "{",
    "null",
    "[]",
    '{"Cmd":{}}',
    '{"HostConfig":[]}',
    '{"__proto__":{"a":1}}',
    "[".repeat(50_000),
    "\0\xff",
    '"'.repeat(99),
  ]
  for (const target of targets) {
    for (const body of bodies) {
      for (const method of ["POST", "GET", "DELETE", "PUT"]) {
        const query = randomBytes(6).toString("latin1")
        const got = await raw(
          `${method} ${target}?filters=${encodeURIComponent(body)}&${encodeURIComponent(query)} HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
        )
        expect(got).toMatch(/^HTTP\/1\.1 (2\d\d|3\d\d|4\d\d|500|503) /)
      }
    }
  }
  expect((await call("GET", "/_ping")).status).toBe(200)
})
