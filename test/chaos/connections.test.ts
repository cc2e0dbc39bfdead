import { afterAll, beforeAll, expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { setTimeout as pause } from "node:timers/promises"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { RawClient } from "../fixtures/raw-client.ts"
import { seeded } from "../fixtures/seed.ts"
import { type StoreState, settledState, storeState } from "../fixtures/store-state.ts"

let daemon: TestDaemon
let before: StoreState

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
  before = await storeState(daemon)
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

const open = () => readdirSync(`/proc/${daemon.pid}/fd`).length
const residentMegabytes = () =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))![1]) / 1024

/** Sends one head and returns the status line of what comes back; empty when the daemon just closes. */
async function statusOf(bytes: string | Uint8Array): Promise<string> {
  const client = new RawClient(daemon.socket)
  await client.send(bytes)
  client.closeWrite()
  const text = await client.untilEnd()
  client.cut()
  return text.split("\r\n")[0]!
}

const host = "Host: x\r\n"
const heads: Readonly<Record<string, string>> = {
  "no request line": "\r\n\r\n\r\n",
  "two words": "GET /_ping\r\n\r\n",
  "four words": "GET /_ping HTTP/1.1 x\r\n\r\n",
  "another protocol": "SSH-2.0-OpenSSH_9.2\r\n\r\n",
  "TLS on a plain socket": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
  "HTTP/2 without asking": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "HTTP/0.9": "GET /\r\n\r\n",
  "a version of the future": `GET /_ping HTTP/3.0\r\n${host}\r\n`,
  "a target without a slash": `GET _ping HTTP/1.1\r\n${host}\r\n`,
  "a NUL in the target": `GET /\0_ping HTTP/1.1\r\n${host}\r\n`,
  "a NUL in a header": `GET /_ping HTTP/1.1\r\n${host}X: a\0b\r\n\r\n`,
  "a bare CR in a header": `GET /_ping HTTP/1.1\r\n${host}X: a\rb\r\n\r\n`,
  "a header without a colon": `GET /_ping HTTP/1.1\r\n${host}nonsense\r\n\r\n`,
  "a folded header": `GET /_ping HTTP/1.1\r\n${host}X: a\r\n b\r\n\r\n`,
  "a space before the colon": `GET /_ping HTTP/1.1\r\n${host}Content-Length : 3\r\n\r\nabc`,
  "lines that end with LF": "GET /_ping HTTP/1.1\nHost: x\n\n",
  "two hosts": `GET /_ping HTTP/1.1\r\n${host}Host: y\r\n\r\n`,
  "two lengths": `POST /auth HTTP/1.1\r\n${host}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x`,
  "a negative length": `POST /auth HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\n`,
  "a length that is no number": `POST /auth HTTP/1.1\r\n${host}Content-Length: 0x10\r\n\r\n`,
  "a length beyond all measure": `POST /auth HTTP/1.1\r\n${host}Content-Length: ${"9".repeat(40)}\r\n\r\n`,
  "length and chunks": `POST /auth HTTP/1.1\r\n${host}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  "an unknown coding": `POST /auth HTTP/1.1\r\n${host}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  "chunks in HTTP/1.0": `POST /auth HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  "a chunk without a size": `POST /auth HTTP/1.1\r\n${host}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n`,
  "a chunk of absurd size": `POST /auth HTTP/1.1\r\n${host}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${"f".repeat(30)}\r\n{}`,
  "a chunk longer than its size": `POST /auth HTTP/1.1\r\n${host}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n`,
}

test("what is not HTTP/1 is refused with 4xx or closed, and never taken for a second request", async () => {
  for (const [what, bytes] of Object.entries(heads)) {
    const client = new RawClient(daemon.socket)
    await client.send(Buffer.from(bytes, "latin1"))
    await client.send(`GET /smuggled HTTP/1.1\r\n${host}\r\n`)
    client.closeWrite()
    const text = await client.untilEnd()
    client.cut()
    const [status = ""] = text.split("\r\n")
    expect({ what, status: /^(HTTP\/1\.1 (4\d\d|50[15]) .*)?$/.test(status), text: text.slice(0, 300) }).toMatchObject({
      what,
      status: true,
    })
  }
})

test("a head of 2 MB is too much, a query of 1 MB is not", async () => {
  const long = "x".repeat(1 << 20)
  expect(await statusOf(`GET /_ping?a=${long} HTTP/1.1\r\n${host}\r\n`)).toBe("HTTP/1.1 200 OK")
  expect(await statusOf(`GET /containers/json?filters=${long} HTTP/1.1\r\n${host}\r\n`)).toStartWith("HTTP/1.1 400 ")
  expect(await statusOf(`GET /containers/${long}/json HTTP/1.1\r\n${host}\r\n`)).toStartWith("HTTP/1.1 404 ")
  expect(await statusOf(`GET /_ping?a=${long}${long}${long} HTTP/1.1\r\n${host}\r\n`)).toStartWith("HTTP/1.1 431 ")
  expect(await statusOf(`GET /_ping HTTP/1.1\r\n${"X: y\r\n".repeat(500_000)}`)).toStartWith("HTTP/1.1 431 ")
  const many = Array.from({ length: 50_000 }, (_, index) => `a${index}=b`).join("&")
  expect(await statusOf(`GET /info?${many} HTTP/1.1\r\n${host}\r\n`)).toBe("HTTP/1.1 200 OK")
})

test("requests that come all at once are answered one after the other, in their order", async () => {
  const client = new RawClient(daemon.socket)
  const asked = Array.from({ length: 200 }, (_, index) =>
    index % 3 === 0 ? "/_ping" : index % 3 === 1 ? "/nowhere" : "/containers/x/json",
  )
  await client.send(asked.map((path) => `GET ${path} HTTP/1.1\r\n${host}\r\n`).join(""))
  client.closeWrite()
  const text = await client.untilEnd()
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])
  const bodies = [...text.matchAll(/page not found|No such container/g)].map((match) => match[0])
  expect(statuses).toEqual(asked.map((path) => (path === "/_ping" ? "200" : "404")))
  expect(bodies.slice(0, 4)).toEqual(["page not found", "No such container", "page not found", "No such container"])
})

test("more than a thousand clients may wait while the daemon is held up, and are all served then", async () => {
  const { pid } = daemon
  process.kill(pid, "SIGSTOP")
  const limit = Number(readFileSync("/proc/sys/net/core/somaxconn", "utf8"))
  const clients = Array.from({ length: Math.min(1200, limit) }, () => new RawClient(daemon.socket))
  try {
    await Promise.all(clients.map((client) => client.send(`GET /_ping HTTP/1.1\r\n${host}Connection: close\r\n\r\n`)))
  } finally {
    process.kill(pid, "SIGCONT")
  }
  for (const client of clients) {
    expect(await client.untilEnd()).toStartWith("HTTP/1.1 200 OK")
    client.cut()
  }
})

test("a body in the shape of a request stays a body", async () => {
  const inner = `DELETE /images/busybox HTTP/1.1\r\n${host}\r\n`
  const client = new RawClient(daemon.socket)
  await client.send(
    `POST /containers/x/start HTTP/1.1\r\n${host}Content-Length: ${inner.length}\r\n\r\n${inner}GET /_ping HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
  )
  const text = await client.untilEnd()
  expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])).toEqual(["400", "200"])
  expect((await daemon.get("/images/busybox/json")).status).toBe(200)
})

test("hundreds of clients that never finish their requests hold nobody up, and leave nothing when they go", async () => {
  const atFirst = open()
  const slow = Array.from({ length: 500 }, () => new RawClient(daemon.socket))
  await Promise.all(
    slow.map((client, index) =>
      client.send(
        [
          "GET /_ping HT",
          `POST /images/load HTTP/1.1\r\n${host}Content-Length: 100000\r\n\r\nabc`,
          `POST /containers/create HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"Im`,
        ][index % 3]!,
      ),
    ),
  )
  for (let round = 0; round < 10; round++) {
    expect((await daemon.get("/_ping")).status).toBe(200)
    expect((await daemon.get("/containers/json")).status).toBe(200)
    await Promise.all(slow.slice(0, 100).map((client) => client.send("x")))
  }
  for (const client of slow) client.cut()
  while (open() > atFirst + 10) await pause(20)
  expect(await settledState(daemon, before)).toEqual(before)
})

test("clients that go away at any byte of request or answer leave nothing behind", async () => {
  const random = seeded("cut connections")
  const atFirst = open()
  const create = JSON.stringify({ Image: "no-such-image", Cmd: ["true"] })
  const requests = [
    `GET /events HTTP/1.1\r\n${host}\r\n`,
    `GET /images/get?names=busybox HTTP/1.1\r\n${host}\r\n`,
    `GET /info HTTP/1.1\r\n${host}\r\n`,
    `POST /images/load HTTP/1.1\r\n${host}Content-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n${"\0".repeat(0x800)}`,
    `POST /images/create?fromSrc=-&repo=cut HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n`,
    `POST /containers/create HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: ${create.length}\r\n\r\n${create}`,
    `POST /containers/x/attach?stream=1 HTTP/1.1\r\n${host}Upgrade: tcp\r\nConnection: Upgrade\r\n\r\n`,
  ]
  const life = async () => {
    const request = random.pick(requests)
    const client = new RawClient(daemon.socket)
    await client.send(request.slice(0, 1 + random.below(request.length * 2)))
    if (random.chance(0.5)) await pause(random.below(5))
    client.cut()
  }
  for (let round = 0; round < 30; round++) await Promise.all(Array.from({ length: 30 }, life))
  // Answered in turn: when this is, none of them waits to be looked at any more.
  await eventually(async () => (await daemon.get("/_ping").catch(() => undefined))?.status === 200, "it answers")
  while (open() > atFirst + 10) await pause(20)
  expect(await settledState(daemon, before)).toEqual(before)
})

test("clients that never read hold their own answers back, not the daemon's memory", async () => {
  const random = seeded("unread answers")
  await daemon.docker("run", "-d", "--name", "loud", "busybox", "sh", "-c", `yes ${"x".repeat(79)} | head -n 500000`)
  await daemon.docker("wait", "loud")
  const resident = residentMegabytes()
  const clients = Array.from({ length: 40 }, () => new RawClient(daemon.socket))
  for (const client of clients) client.stopReading()
  await Promise.all(
    clients.map((client) =>
      client.send(`GET /containers/loud/logs?stdout=1${random.chance(0.5) ? "&follow=1" : ""} HTTP/1.1\r\n${host}\r\n`),
    ),
  )
  await pause(500)
  expect((await daemon.get("/_ping")).status).toBe(200)
  expect(residentMegabytes() - resident).toBeLessThan(400)
  for (const client of clients) client.cut()
  await daemon.docker("rm", "-f", "loud")
  expect(await settledState(daemon, before)).toEqual(before)
})
