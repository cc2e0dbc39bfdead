import { afterAll, beforeAll, expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { containerId, FakeEngine, message } from "../../test/fixtures/fake-engine.ts"

let engine: FakeEngine

beforeAll(async () => {
  engine = await FakeEngine.start()
})

afterAll(async () => {
  await engine[Symbol.asyncDispose]()
})

test("ping works with and without version, by GET and HEAD, with every header once", async () => {
  for (const target of ["/_ping", "/v1.24/_ping", "/v1.51/_ping", "/v1.56/_ping"]) {
    const response = await engine.call("GET", target)
    expect(response.status).toBe(200)
    expect(await response.text()).toBe("OK")
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "api-version": "1.56",
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
  const head = await engine.call("HEAD", "/_ping")
  expect([head.status, head.headers.get("content-length")]).toEqual([200, "0"])
})

test("an unknown path and a wrong method are 404 page not found", async () => {
  for (const [method, target] of [
    ["GET", "/nope"],

    ["PUT", "/info"],
    ["POST", "/v1.24/"],
  ] as const) {
    const response = await engine.call(method, target)
    expect(response.status).toBe(404)
    expect(await message(response)).toBe("page not found")
  }
})

test("versions out of range are told, the ones before JSON errors as text", async () => {
  const old = await engine.call("GET", "/v1.12/containers/json")
  expect(old.status).toBe(400)
  expect(old.headers.get("content-type")).toStartWith("text/plain")
  expect(await old.text()).toContain(
    "client version 1.12 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version",
  )
  expect(await message(await engine.call("GET", "/v9.9/info"))).toBe(
    "client version 9.9 is too new. Maximum supported API version is 1.56",
  )
})

test("a route is not there before its version", async () => {
  expect((await engine.call("PUT", "/v1.41/volumes/some")).status).toBe(404)
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
    const wrongType = await engine.call("POST", target, '{"Image":"x"}', { "Content-Type": "text/plain" })
    expect(wrongType.status).toBe(400)
    expect(await message(wrongType)).toBe("unsupported Content-Type header (text/plain): must be 'application/json'")
    const broken = await engine.call("POST", target, "{invalid json")
    expect(broken.status).toBe(400)
    expect(await message(broken)).toBe("invalid JSON: invalid character 'i' looking for beginning of object key string")
    expect(await message(await engine.call("POST", target, "{} trailing content"))).toBe(
      "unexpected content after JSON",
    )
    expect(await message(await engine.call("POST", target, "  "))).toBe(
      "invalid JSON: got EOF while reading request body",
    )
    expect(await message(await engine.call("POST", target, "[1]"))).toContain(
      "invalid JSON: json: cannot unmarshal array",
    )
  })
}

test("a container cannot be created from nothing", async () => {
  for (const body of ["{}", '{"HostConfig":{}}', '{"HostConfigX":1}']) {
    const response = await engine.call("POST", "/containers/create", body)
    expect(response.status).toBe(400)
    expect(await message(response)).toBe("config cannot be empty in order to create a container")
  }
  const bare = await engine.call("POST", "/containers/create", undefined)
  expect([bare.status, await message(bare)]).toEqual([400, "invalid JSON: got EOF while reading request body"])
})

test("a create request gets every zero value, names match in any case, large numbers stay exact", async () => {
  const response = await engine.call(
    "POST",
    "/v1.56/containers/create?name=web&platform=linux/amd64",
    '{"image":"busybox","Cmd":"ls","HostConfig":{"Memory":9007199254740993,"Mounts":[{"Type":"bind","Source":"/a","Target":"/b","ReadOnly":false}]},"Unknown":1}',
    { "Content-Type": "application/json; charset=utf-8" },
  )
  expect(response.status).toBe(201)
  expect(await response.json()).toEqual({ Id: containerId, Warnings: [] })
  const { request, options } = engine.created
  expect(options).toEqual({ name: "web", platform: "linux/amd64", shallowReadOnly: false, warnsOfEmptyPorts: true })
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
  const response = await engine.call("POST", "/containers/create", '{"Image":"x","HostConfig":{"Memory":"1g"}}')
  expect(await message(response)).toBe(
    "invalid JSON: json: cannot unmarshal string into Go struct field CreateRequest.HostConfig.Memory of type int64",
  )
})

test("an old client's create means what it meant", async () => {
  await engine.call(
    "POST",
    "/v1.39/containers/create",
    '{"Image":"x","MacAddress":"02:00:00:00:00:01","HostConfig":{"NetworkMode":"bridge"}}',
  )
  expect(engine.created.request!.HostConfig).toMatchObject({ CgroupnsMode: "host", IpcMode: "shareable" })
  expect(engine.created.request!.NetworkingConfig.EndpointsConfig?.["bridge"]?.MacAddress).toBe("02:00:00:00:00:01")
})

test("path variables take slashes, colons and escapes; 64-bit numbers are written exactly", async () => {
  for (const target of ["/containers/web/a:b/json", "/containers/web%2Fa%3Ab/json", "/containers//web/a:b/json"]) {
    const response = await engine.call("GET", target)
    expect(response.status).toBe(200)
    expect(await response.text()).toContain("9007199254740993")
  }
  const image = await engine.call("GET", "/v1.40/images/localhost:5000/a/b:tag@sha256:aa/json")
  expect(await message(image)).toBe("No such image: localhost:5000/a/b:tag@sha256:aa")
  expect((await engine.call("GET", "/containers/%zz/json")).status).toBe(400)
})

test("numbers and terminal sizes that are none are refused", async () => {
  expect(await message(await engine.call("POST", "/containers/x/stop?t=foo"))).toContain('"foo": invalid syntax')
  expect(await message(await engine.call("POST", "/containers/x/resize?h=foo&w=1"))).toBe(
    'invalid resize height "foo": invalid syntax',
  )
  expect(await message(await engine.call("POST", "/containers/x/resize?h=-100&w=1"))).toBe(
    'invalid resize height "-100": value out of range',
  )
  expect(await message(await engine.call("POST", "/containers/x/resize?h=1&w=99999999999"))).toBe(
    'invalid resize width "99999999999": value out of range',
  )
})

test("filters are taken in both forms, unknown keys and other shapes refused", async () => {
  for (const filters of ['{"label":["a"]}', '{"label":{"a":true}}', "", "null"]) {
    expect((await engine.call("GET", `/containers/json?filters=${encodeURIComponent(filters)}`)).status).toBe(200)
  }
  expect(
    await message(await engine.call("GET", `/containers/json?filters=${encodeURIComponent('{"foo":["a"]}')}`)),
  ).toBe("invalid filter 'foo'")
  for (const filters of ["{", "[]", "7", '{"label":7}', '{"label":[7]}'])
    expect((await engine.call("GET", `/containers/json?filters=${encodeURIComponent(filters)}`)).status).toBe(400)
})

test("what is not modified is 304 without a body", async () => {
  const response = await engine.call("POST", "/containers/x/start")
  expect([response.status, await response.text()]).toEqual([304, ""])
  expect((await engine.call("POST", "/containers/x/start", '{"Binds":["/a:/b"]}')).status).toBe(400)
})

test("what belongs to a swarm is 503, plugins are an empty list, sessions are refused clearly", async () => {
  for (const [method, target] of [
    ["GET", "/services"],
    ["GET", "/v1.40/nodes/x"],
    ["DELETE", "/secrets/a"],
  ] as const) {
    const response = await engine.call(method, target)
    expect(response.status).toBe(503)
    expect(await message(response)).toStartWith("This node is not a swarm manager.")
  }
  expect((await engine.call("POST", "/swarm/leave")).status).toBe(503)
  expect((await engine.call("POST", "/swarm/init")).status).toBe(501)
  expect(await (await engine.call("GET", "/plugins")).json()).toEqual([])
  expect(await message(await engine.call("POST", "/plugins/vendor/name/enable"))).toBe('plugin "vendor/name" not found')
  expect((await engine.call("POST", "/plugins/pull?remote=x")).status).toBe(501)
  expect(await message(await engine.call("POST", "/grpc"))).toContain("no upgrade")
  expect(
    await engine.raw("POST /session HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: spdy\r\n\r\n"),
  ).toContain("not supported")
})

test("the daemon's own faults are 500 and logged once", async () => {
  const response = await engine.call("GET", "/info?secret=1")
  expect(response.status).toBe(500)
  expect(await message(response)).toBe("not faked: info")
  expect(engine.logged.filter((line) => line.startsWith("GET /info"))).toEqual(["GET /info: not faked: info"])
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
        const got = await engine.raw(
          `${method} ${target}?filters=${encodeURIComponent(body)}&${encodeURIComponent(query)} HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
        )
        expect(got).toMatch(/^HTTP\/1\.1 (2\d\d|3\d\d|4\d\d|500|503) /)
      }
    }
  }
  expect((await engine.call("GET", "/_ping")).status).toBe(200)
})
