import { afterEach, beforeEach, expect, test } from "bun:test"
import { createHash, randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { ConnectionLimits, HttpHandler } from "./connection.ts"
import { type Listener, openListeners } from "./listener.ts"
import { HttpServer } from "./server.ts"

let folder: string
let listener: Listener
let server: HttpServer

async function serve(handler: HttpHandler, limits?: Partial<ConnectionLimits>): Promise<void> {
  server = new HttpServer(handler, limits)
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "http-"))
  const accept: HttpServer["accept"] = (socket, peer) => server.accept(socket, peer)
  listener = (await openListeners({ kind: "unix", path: join(folder, "s") }, { accept }))[0]!
})

afterEach(async () => {
  await listener[Symbol.asyncDispose]()
  await server.close()
  rmSync(folder, { recursive: true })
})

interface Client {
  readonly socket: Socket
  /** Everything received up to the server's end of the stream. */
  readonly all: Promise<string>
  /** Resolves when what was received contains `text`. */
  received(text: string): Promise<string>
}

function dial(): Promise<Client> {
  return new Promise((resolve) => {
    let got = ""
    let wake = () => {}
    const socket = connect({ path: join(folder, "s"), allowHalfOpen: true }, () =>
      resolve({
        socket,
        all,
        async received(text) {
          while (!got.includes(text)) {
            await new Promise<void>((next) => {
              wake = next
            })
          }
          return got
        },
      }),
    )
    socket.on("data", (data) => {
      got += data.toString("latin1")
      wake()
    })
    socket.on("error", () => {})
    const all = new Promise<string>((done) => {
      socket.on("end", () => done(got))
      socket.on("close", () => done(got))
    })
  })
}

async function exchange(request: string): Promise<string> {
  const client = await dial()
  client.socket.write(request, "latin1")
  const answer = await client.all
  client.socket.destroy()
  return answer
}

const body = async (chunks: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

const echo: HttpHandler = async (request, response) => {
  const text = (await body(request.body)).toString("latin1")
  response.send(200, { "Content-Type": "text/plain" }, `${request.method} ${request.target} [${text}]`)
}

test("requests cut at any byte are understood: length, chunks with extension and trailer, pipelined", async () => {
  await serve(echo)
  const wire =
    "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" +
    "POST /b?q=1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;name=value\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n" +
    "GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
  const want = ["POST /a [hello]", "POST /b?q=1 [abc0123456789]", "GET /c []"]
  for (let cut = 0; cut <= wire.length; cut++) {
    const client = await dial()
    client.socket.write(wire.slice(0, cut), "latin1")
    await new Promise((resolve) => setImmediate(resolve))
    client.socket.write(wire.slice(cut), "latin1")
    const answer = await client.all
    expect([...(answer.match(/(GET|POST) \S+ \[.*?\]/g) ?? [])]).toEqual(want)
    client.socket.destroy()
  }
})

test("empty lines before a request are skipped, cut at any byte; anything else there is refused", async () => {
  await serve(echo)
  const wire = "\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
  for (let cut = 0; cut < 8; cut++) {
    const client = await dial()
    await new Promise((sent) => client.socket.write(wire.slice(0, cut), "latin1", sent))
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    client.socket.write(wire.slice(cut), "latin1")
    expect([...((await client.all).match(/(GET|POST) \S+ \[.*?\]/g) ?? [])]).toEqual(["GET /a []", "GET /b []"])
    client.socket.destroy()
  }
  for (const before of ["\n", "\r", " \r\n", "\r\n\n"])
    expect(await exchange(`${before}GET /a HTTP/1.1\r\nHost: x\r\n\r\n`)).toStartWith("HTTP/1.1 400 ")
})

test("a request that comes byte by byte is understood", async () => {
  await serve(echo)
  const client = await dial()
  for (const byte of "POST /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n") {
    client.socket.write(byte)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(await client.all).toEndWith("POST /slow [hi]")
})

for (const [name, request] of [
  ["both lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc"],
  ["two different lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"],
  ["a signed length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc"],
  ["a list of lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc"],
  ["a folded header", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n"],
  ["white space before the colon", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc"],
  ["a NUL in a header", "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n"],
  ["a lone CR in a header", "GET / HTTP/1.1\r\nHost: x\r\nA: b\rContent-Length: 3\r\n\r\n"],
  ["bare line feeds", "GET / HTTP/1.1\nHost: x\n\n"],
  ["a space in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["no version", "GET /\r\n\r\n"],
  ["chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
] as const) {
  test(`a request with ${name} is refused with 400 and the connection closed`, async () => {
    await serve(echo)
    expect(await exchange(request)).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
  })
}

test("other transfer codings are refused with 501, other versions with 505", async () => {
  await serve(echo)
  expect(await exchange("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")).toStartWith(
    "HTTP/1.1 501",
  )
  expect(await exchange("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")).toStartWith("HTTP/1.1 505")
})

for (const [name, chunks] of [
  ["a size that is no number", "zz\r\n"],
  ["a size with a prefix", "0x3\r\nabc\r\n"],
  ["a negative size", "-1\r\n"],
  ["an absurd size", "fffffffffffffffff\r\n"],
  ["data longer than its size", "2\r\nabc\r\n0\r\n\r\n"],
  ["a bare line feed", "3\nabc\r\n0\r\n\r\n"],
] as const) {
  test(`a chunked body with ${name} fails the reader and ends the connection`, async () => {
    let failure: unknown
    await serve(async (request, response) => {
      try {
        await body(request.body)
      } catch (error) {
        failure = error
        response.send(400, {}, "bad")
      }
    })
    const answer = await exchange(
      `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`,
    )
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1)
    expect(answer).toStartWith("HTTP/1.1 400")
    expect(failure).toBeInstanceOf(Error)
  })
}

test("a head of over a megabyte is accepted, one over the limit answered with 431", async () => {
  await serve(echo)
  expect(
    await exchange(`GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: ${"a".repeat(1_500_000)}\r\n\r\n`),
  ).toStartWith("HTTP/1.1 200")
  expect(await exchange(`GET / HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(3_000_000)}`)).toStartWith("HTTP/1.1 431")
})

test("a client that begins TLS is told at once that this is not TLS", async () => {
  await serve(() => {})
  const client = await dial()
  client.socket.write(Buffer.from("16030100f4010000f00303", "hex"))
  expect(await client.received("\r\n\r\n")).toStartWith("HTTP/1.1 400 ")
  client.socket.destroy()
})

test("a head that does not come to its end in time is answered with 408", async () => {
  await serve(echo, { headTime: 40 })
  expect(await exchange("GET / HTTP/1.1\r\nHost: x\r\nX: ")).toStartWith("HTTP/1.1 408")
})

test("HEAD gets the length and no body, HTTP/1.0 the end of the connection", async () => {
  await serve(echo)
  const head = await exchange("HEAD /h HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
  expect(head).toContain("Content-Length: 10")
  expect(head).toEndWith("\r\n\r\n")
  const old = await exchange("GET /o HTTP/1.0\r\n\r\n")
  expect(old).toContain("Connection: close")
  expect(old).toEndWith("GET /o []")
})

test("100 Continue is sent when the body is read, and not when it is not wanted", async () => {
  await serve(async (request, response) => {
    if (request.target === "/no") response.send(404, {}, "no")
    else await echo(request, response)
  })
  const client = await dial()
  client.socket.write("POST /yes HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
  expect(await client.received("\r\n\r\n")).toBe("HTTP/1.1 100 Continue\r\n\r\n")
  client.socket.write("hi")
  await client.received("POST /yes [hi]")
  client.socket.write("POST /no HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
  const answer = await client.all
  expect(answer.split("100 Continue")).toHaveLength(2)
  expect(answer).toContain("404 Not Found")
  expect(answer).toContain("Connection: close")
  client.socket.destroy()
})

test("a stream's head arrives before its first byte, and its pieces as they come", async () => {
  let go = () => {}
  const gate = new Promise<void>((resolve) => {
    go = resolve
  })
  await serve(async (_request, response) => {
    const writer = response.stream(200, { "Content-Type": "application/json" })
    await gate
    await writer.write(Buffer.from("late"))
    writer.end()
  })
  const client = await dial()
  client.socket.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
  expect(await client.received("\r\n\r\n")).not.toContain("late")
  go()
  expect(await client.all).toEndWith("\r\n\r\n4\r\nlate\r\n0\r\n\r\n")
  client.socket.destroy()
})

test("a stream that fails half-way is broken off without its last chunk", async () => {
  await serve(async (_request, response) => {
    await response.stream(200, {}).write(Buffer.from("half"))
    throw new Error("disk on fire")
  })
  const answer = await exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
  expect(answer).toContain("half")
  expect(answer).not.toContain("0\r\n\r\n")
})

test("the signal aborts when the client goes away within a stream", async () => {
  let started = () => {}
  const running = new Promise<void>((resolve) => {
    started = resolve
  })
  let aborted = () => {}
  const gone = new Promise<void>((resolve) => {
    aborted = resolve
  })
  await serve(async (request, response) => {
    const writer = response.stream(200, {})
    const left = new Promise<void>((resolve) => request.signal.addEventListener("abort", () => resolve()))
    started()
    await left
    aborted()
    writer.end()
  })
  const client = await dial()
  client.socket.write("GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
  await running
  client.socket.destroy()
  await gone
})

test("an error answered before a long body was read reaches the client that is still sending", async () => {
  await serve((_request, response) => response.send(413, {}, "too much"))
  const client = await dial()
  client.socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n")
  const piece = Buffer.alloc(1_000_000)
  for (let sent = 0; sent < 50; sent++) {
    if (!client.socket.write(piece)) await new Promise((resolve) => client.socket.once("drain", resolve))
  }
  expect(await client.all).toEndWith("too much")
  client.socket.destroy()
})

test("a reader that waits holds the sender back", async () => {
  let release = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  await serve(async (request, response) => {
    await gate
    response.send(200, {}, String((await body(request.body)).length))
  })
  const client = await dial()
  const total = 64 * 1024 * 1024
  client.socket.write(`POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${total}\r\n\r\n`)
  const accepted = client.socket.write(Buffer.alloc(total))
  expect(accepted).toBe(false)
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
  expect(client.socket.writableLength).toBeGreaterThan(0)
  release()
  expect(await client.all).toEndWith(String(total))
  client.socket.destroy()
})

for (const upgrade of [true, false]) {
  const header = upgrade ? "Connection: Upgrade\r\nUpgrade: tcp\r\n" : ""
  const hijacking: HttpHandler = async (request, response) => {
    const start = (await body(request.body)).toString()
    const stream = upgrade
      ? response.hijack(101, { Connection: "Upgrade", Upgrade: "tcp" }, "UPGRADED")
      : response.hijack(200, { "Content-Type": "application/vnd.docker.raw-stream" })
    const hash = createHash("sha256")
    await stream.write(Buffer.from(start))
    for await (const chunk of stream.input) {
      hash.update(chunk)
      await stream.write(chunk)
    }
    await stream.write(Buffer.from(`after-eof ${hash.digest("hex")}`))
    await stream.closeWrite()
  }

  test(`a hijacked connection ${upgrade ? "with" : "without"} Upgrade keeps bytes sent behind the body and half-closes both ways`, async () => {
    await serve(hijacking)
    const client = await dial()
    const payload = randomBytes(3_000_000)
    client.socket.write(`POST /exec/x/start HTTP/1.1\r\nHost: x\r\n${header}Content-Length: 2\r\n\r\n{}early`)
    client.socket.write(payload)
    client.socket.end()
    const answer = await client.all
    expect(answer).toStartWith(upgrade ? "HTTP/1.1 101 UPGRADED\r\n" : "HTTP/1.1 200 OK\r\n")
    expect(answer.toLowerCase()).not.toContain("content-length")
    expect(answer.toLowerCase()).not.toContain("transfer-encoding")
    const raw = answer.slice(answer.indexOf("\r\n\r\n") + 4)
    const sent = `early${payload.toString("latin1")}`
    const digest = createHash("sha256").update(Buffer.from(sent, "latin1")).digest("hex")
    expect(raw === `{}${sent}after-eof ${digest}`).toBe(true)
    client.socket.destroy()
  })
}

test("a hijacked stream whose client vanished ends its input, and is closed at the next write", async () => {
  let done = () => {}
  const closed = new Promise<void>((resolve) => {
    done = resolve
  })
  await serve(async (_request, response) => {
    const stream = response.hijack(101, {}, "UPGRADED")
    await body(stream.input)
    while (!(await Promise.race([stream.closed.then(() => true), stream.write(Buffer.from("x")).then(() => false)])))
      await new Promise((resolve) => setImmediate(resolve))
    await stream.write(Buffer.from("dropped"))
    done()
  })
  const client = await dial()
  client.socket.write("POST / HTTP/1.1\r\nHost: x\r\n\r\n")
  await client.received("UPGRADED")
  client.socket.destroy()
  await closed
})

test("random bytes and mangled requests leave the server alive", async () => {
  await serve(async (request, response) => {
    const text = await body(request.body)
    if (request.target.includes("hijack")) {
      const stream = response.hijack(101, {})
      await stream.write(text)
    } else response.send(200, { "X-Echo": request.target }, text)
  })
  const seeds = [
    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST /hijack HTTP/1.1\r\nHost: x\r\nUpgrade: tcp\r\nContent-Length: 4\r\n\r\nabcdmore",
    "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
  ]
  for (let round = 0; round < 400; round++) {
    const client = await dial()
    const bytes =
      round % 4 === 3
        ? randomBytes(1 + (round % 700))
        : Buffer.from(seeds[round % 3]!.repeat(1 + (round % 3)), "latin1")
    for (let change = 0; change < round % 5; change++) {
      const random = randomBytes(4)
      bytes[random.readUInt16LE(0) % bytes.length] = random[2]!
    }
    client.socket.write(bytes)
    if (round % 2) client.socket.end()
    else setImmediate(() => client.socket.destroy())
    await new Promise((resolve) => setImmediate(resolve))
    if (round % 8 === 0) client.socket.destroy()
  }
  expect(await exchange("GET /alive HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).toContain("X-Echo: /alive")
})

test("a server that is closed waits for answers that have not begun, for longer than for streams", async () => {
  const begun = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  await serve(async (request, response) => {
    if (request.target === "/stream") {
      const stream = response.stream(200, {})
      await stream.write(Buffer.from("first"))
      await new Promise(() => {})
    }
    begun.resolve()
    await gate.promise
    response.send(200, {}, "done")
  })
  const [endless, working] = [await dial(), await dial()]
  endless.socket.write("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
  await endless.received("first")
  working.socket.write("POST /work HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
  await begun.promise
  void working.all.then(() => working.socket.destroy())
  const closed = server.close({ begun: 0, awaited: 600_000 })
  setImmediate(() => gate.resolve())
  await closed
  expect(await working.all).toContain("done")
  expect(await endless.all).not.toContain("\r\n0\r\n")
})
