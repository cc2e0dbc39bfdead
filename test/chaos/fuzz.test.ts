import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import type { Route } from "../../src/engine/routes/route.ts"
import { apiRoutes, type EngineServices } from "../../src/engine/server.ts"
import { type Outcome, TestDaemon } from "../fixtures/daemon.ts"
import { fullBodies } from "../fixtures/full-bodies.ts"
import { RawClient } from "../fixtures/raw-client.ts"
import { type Seeded, seeded } from "../fixtures/seed.ts"
import { type StoreState, settledState, storeState } from "../fixtures/store-state.ts"

let daemon: TestDaemon
let before: StoreState

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
  // "0" is among what is asked for, and would be the beginning of one ID in sixteen.
  let running: Outcome
  do {
    await daemon.docker("rm", "-f", "victim")
    running = await daemon.docker("run", "-d", "--name", "victim", "-v", "data:/data", "busybox", "sleep", "100000")
  } while (running.stdout.startsWith("0"))
  expect(running).toMatchObject({ code: 0 })
  before = await storeState(daemon)
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

const routes = apiRoutes({ traces: {} } as EngineServices)

const nasty = [
  "",
  "/",
  ".",
  "..",
  "../../etc/passwd",
  "%2e%2e%2f",
  "a/../b",
  "\0",
  "a\0b",
  "\n",
  "\r\nX: y",
  "é",
  "💣",
  "\ud800",
  "x".repeat(300),
  "x".repeat(20_000),
  "-1",
  "0",
  "1e999",
  "NaN",
  "9223372036854775808",
  "true",
  "null",
  "{}",
  "[]",
  '{"a":',
  '{"a":{"b":true}}',
  "sha256:",
  `sha256:${"0".repeat(64)}`,
  "0".repeat(64),
  "UPPER/Case",
  "localhost:99999/x",
  "a:b:c@d",
  "%",
  "%zz",
  "$(id)",
  "`id`",
  "'; drop",
  "__proto__",
  "constructor",
  "2026-13-45T99:99:99Z",
  "-9999999999999",
  "1.9999999999999999999",
  "ctrl-",
  "ctrl-@,ctrl-",
]

/** What may name something that a registry is asked for: registries that are not there, and what cannot be a name. */
const foreign = [
  ...nasty.filter((text) => !/^[\w.:/@-]+$/.test(text)),
  "127.0.0.1:1/x",
  "127.0.0.1:1/x:y",
  "127.0.0.1:1",
]
const asksRegistry = /^POST \/auth|^(GET|POST) \/distribution|\/push$|\/search$|^POST \/images\/create/

const escaped = (text: string) =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")

/** A target for the route: names that exist only where nothing can be changed by it. */
function target(key: string, route: Route, random: Seeded): string {
  const [methods, path] = key.split(" ") as [string, string]
  const existing = methods.includes("GET") ? ["victim", "busybox", "data", "bridge"] : []
  const filled = path.replace(/:\w+/g, () => {
    const name = random.pick(asksRegistry.test(key) ? foreign : [...nasty, ...existing, ...existing])
    return random.chance(0.7) ? escaped(name) : name.replace(/[^\x21-\x7e]|[?#]/g, "%20") || "%20"
  })
  const query: string[] = []
  const values = asksRegistry.test(key) ? foreign : nasty
  for (const name of Object.keys(route.query ?? {})) {
    if (random.chance(0.4))
      query.push(
        `${name}=${random.chance(0.8) ? escaped(random.pick(values)) : random.pick(values).replace(/[^\x21-\x7e]|#/g, "")}`,
      )
  }
  if (random.chance(0.1)) query.push(`${escaped(random.pick(nasty))}=${escaped(random.pick(nasty))}`)
  if (random.chance(0.02)) query.push(`filters=${escaped(JSON.stringify({ label: { ["x".repeat(100_000)]: true } }))}`)
  const version = random.pick([
    "",
    "",
    "/v1.24",
    "/v1.30",
    "/v1.43",
    "/v1.51",
    "/v1.56",
    "/v1.9",
    "/v99.9",
    "/v1.",
    "/v1.44.3",
  ])
  return `${version}${filled}${query.length > 0 ? `?${query.join("&")}` : ""}`
}

const randomHeaders = [
  "Content-Type: application/json",
  "Content-Type: application/x-tar",
  "Content-Type: ;;;",
  "X-Registry-Auth: %%%",
  "X-Registry-Auth: e30=",
  "X-Registry-Config: bm9wZQ==",
  "Upgrade: tcp",
  "Upgrade: h2c",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Expect: 100-continue",
  "traceparent: 00-zz-zz-zz",
  "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  "Accept: application/json-seq",
  "Accept-Encoding: gzip",
  "Range: bytes=0-",
  "Cookie: a=b",
  "Sec-WebSocket-Key: x",
  "Authorization: Basic !!!",
  `X-Long: ${"x".repeat(60_000)}`,
]

/** A body: a good one with one value spoiled, or bytes that are nothing. */
function body(key: string, random: Seeded): Buffer {
  const good = fullBodies[key]
  if (good && random.chance(0.8)) {
    const document = JSON.parse(JSON.stringify(good))
    for (let spoil = 0; spoil < 3; spoil++) {
      let at = document
      for (;;) {
        const inside = Object.keys(at)
        if (inside.length === 0) break
        const name = random.pick(inside)
        if (typeof at[name] === "object" && at[name] && random.chance(0.7)) {
          at = at[name]
          continue
        }
        at[name] = random.pick<unknown>([
          null,
          [],
          {},
          0,
          -1,
          1e15,
          true,
          ...(asksRegistry.test(key) ? foreign : nasty),
        ])
        break
      }
    }
    if ("Image" in document && random.chance(0.5)) document.Image = "busybox"
    return Buffer.from(JSON.stringify(document))
  }
  return random.pick([
    () => Buffer.alloc(0),
    () => random.bytes(random.below(2000)),
    () => Buffer.from(random.pick(nasty)),
    () => Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), random.bytes(500)]),
    () => Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), random.bytes(500)]),
    () => Buffer.alloc(10_240),
    () => Buffer.alloc(512, "a"),
  ])()
}

/** Sends the request, wholly or cut off. @returns status and text of the answer; undefined when it was not waited for */
async function send(request: Buffer, random: Seeded): Promise<{ status: number; text: string } | undefined> {
  const client = new RawClient(daemon.socket)
  if (random.chance(0.1)) {
    await client.send(request.subarray(0, random.below(request.length)))
    client.cut()
    return undefined
  }
  await client.send(request)
  if (random.chance(0.1)) client.closeWrite()
  const head = await client
    .until(/^HTTP\/1\.1 (?!100)(\d+)[\s\S]*?\r\n\r\n|\r\n\r\nHTTP\/1\.1 (\d+)[\s\S]*?\r\n\r\n/)
    .catch(() => "")
  const status = Number(/HTTP\/1\.1 (?!100)(\d+)/.exec(head)?.[1] ?? 0)
  const text = status >= 400 ? await client.untilEnd() : head
  client.cut()
  return { status, text }
}

test("whatever is asked of any route, the answer is no fault of the daemon's, and the store stays as it was", async () => {
  const random = seeded("fuzz of all routes")
  const seen = new Map<number, number>()
  for (const [key, route] of routes) {
    if (key.includes("/images/bootstrap")) continue
    for (let round = 0; round < 40; round++) {
      const method = key.split(" ")[0]!.split("|")[random.below(key.split(" ")[0]!.split("|").length)]!
      const content = random.chance(method === "GET" ? 0.2 : 0.9) ? body(key, random) : Buffer.alloc(0)
      const headers = [
        "Host: x",
        "Connection: close",
        ...Array.from({ length: random.below(4) }, () => random.pick(randomHeaders)),
        ...(fullBodies[key] && random.chance(0.9) ? ["Content-Type: application/json"] : []),
        ...(content.length > 0 ? [`Content-Length: ${content.length}`] : []),
      ]
      const line = `${method} ${target(key, route, random)} HTTP/1.1`
      const answer = await send(
        Buffer.concat([Buffer.from(`${line}\r\n${headers.join("\r\n")}\r\n\r\n`), content]),
        random,
      )
      if (!answer) continue
      seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1)
      // Docker calls it a fault of its own when another host does not answer, or when none is named, and clients know it so.
      const elsewhere = /dial tcp|http: no Host in request URL/.test(answer.text)
      const known = [501, 503, 505].includes(answer.status) || elsewhere
      const fault = answer.status === 0 || (answer.status >= 500 && !known)
      expect({
        fault,
        line: fault && line,
        headers: fault && headers,
        body: fault && content.toString(),
        answer: fault && answer,
      }).toEqual({
        fault: false,
        line: false,
        headers: false,
        body: false,
        answer: false,
      })
    }
  }
  console.log(
    `answers: ${[...seen]
      .sort(([a], [b]) => a - b)
      .map(([status, count]) => `${count} × ${status}`)
      .join(", ")}`,
  )
  await undo()
  expect(await settledState(daemon, before)).toEqual(before)
  expect(existsSync("/etc/passwd")).toBe(true)
  const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))![1])
  expect(resident).toBeLessThan(500_000)
})

/** Takes away what well-formed requests among the others have made. */
async function undo(): Promise<void> {
  const now = await storeState(daemon)
  const added = (kind: "containers" | "images" | "volumes" | "networks") =>
    now[kind].filter((each) => !before[kind].includes(each)).map((each) => each.split(" ")[0]!)
  for (const id of added("containers"))
    expect((await daemon.request("DELETE", `/containers/${id}?force=1&v=1`)).status).toBe(204)
  for (const name of added("volumes"))
    expect((await daemon.request("DELETE", `/volumes/${encodeURIComponent(name)}`)).status).toBe(204)
  for (const id of added("networks")) expect((await daemon.request("DELETE", `/networks/${id}`)).status).toBe(204)
  for (const id of added("images")) expect((await daemon.request("DELETE", `/images/${id}?force=1`)).status).toBe(200)
}
