import { afterAll, beforeAll, expect, test } from "bun:test"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect as connectTls, type TLSSocket } from "node:tls"
import type { HttpHandler } from "./connection.ts"
import { openListeners } from "./listener.ts"
import { HttpServer } from "./server.ts"
import { type TlsKeys, TlsServerWithPlainAnswer } from "./tls-server.ts"

let folder: string
let keys: TlsKeys & { readonly cert: Buffer; readonly key: Buffer }

/** A certificate that signs itself. */
function certificate(name: string): typeof keys {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)]
  const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
  const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"]
  execFileSync("openssl", [...request.split(" "), ...subject, "-keyout", key, "-out", cert], { stdio: "ignore" })
  return { key: readFileSync(key), cert: readFileSync(cert) }
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tls-"))
  keys = certificate("first")
})
afterAll(() => rmSync(folder, { recursive: true }))

interface Served extends AsyncDisposable {
  readonly port: number
  readonly address: string
  renew(keys: TlsKeys): void
}

async function serve(handler: HttpHandler, tls: TlsKeys = keys): Promise<Served> {
  const server = new HttpServer(handler)
  const where = { kind: "tcp", host: "127.0.0.1", port: 0 } as const
  const [listener] = await openListeners(where, { accept: server.accept, tls })
  const { port } = new URL(listener!.address)
  return {
    port: Number(port),
    address: `127.0.0.1:${port}`,
    renew: (next) => listener!.renew!(next),
    async [Symbol.asyncDispose]() {
      await listener![Symbol.asyncDispose]()
      await server.close()
    },
  }
}

const hello: HttpHandler = (_request, response) => response.send(200, {}, "hello")

/** Everything that a socket gets, up to the end or the error that closes it. */
const all = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    let got = ""
    socket.on("data", (chunk) => (got += chunk.toString("latin1")))
    socket.on("error", () => {})
    socket.on("close", () => resolve(got))
  })

function secured(port: number, more: object = {}): TLSSocket {
  return connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false, ...more })
}

test("plain HTTP on a TLS port is told so, however large the request, and the port goes on serving", async () => {
  await using server = await serve(hello)
  for (const body of ["", "x".repeat(1 << 20)]) {
    const socket = connect(server.port, "127.0.0.1")
    socket.write(`POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    const answer = await all(socket)
    expect(answer).toStartWith("HTTP/1.0 400 Bad Request\r\n")
    expect(answer).toEndWith("\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
  }
  const answer = await fetch(`https://${server.address}/`, { tls: { rejectUnauthorized: false } })
  expect(await answer.text()).toBe("hello")
})

test("what is neither TLS nor HTTP is closed without an answer", async () => {
  await using server = await serve(hello)
  for (const bytes of ["\0\0\0\0", "\r\n", "ssh-2.0"]) {
    const socket = connect(server.port, "127.0.0.1", () => socket.write(bytes))
    expect(await all(socket)).toBe("")
  }
})

test("a request that comes byte by byte, handshake included, is served", async () => {
  await using server = await serve(hello)
  const socket = secured(server.port)
  for (const byte of "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") socket.write(byte)
  expect(await all(socket)).toEndWith("hello")
})

test("a hijacked connection goes on after the client has ended its side", async () => {
  await using server = await serve(async (_request, response) => {
    const stream = response.hijack(101, { Upgrade: "tcp", Connection: "Upgrade" })
    let bytes = 0
    for await (const chunk of stream.input) bytes += chunk.length
    await stream.write(Buffer.from(`got ${bytes}`))
    await stream.closeWrite()
  })
  const socket = secured(server.port, { allowHalfOpen: true })
  socket.write("POST /attach HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
  socket.write(Buffer.alloc(3_000_000))
  socket.end()
  expect(await all(socket)).toEndWith("got 3000000")
})

test("the client of a broken connection is noticed while its request is answered", async () => {
  const gone = Promise.withResolvers<void>()
  await using server = await serve(async (request, response) => {
    const body = response.stream(200, {})
    await body.write(Buffer.from("begun"))
    request.signal.addEventListener("abort", () => gone.resolve())
    await gone.promise
  })
  const socket = secured(server.port)
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
  socket.on("data", () => socket.destroy())
  await gone.promise
})

test("with an authority only its clients are let in, and plain HTTP is still told what is wrong", async () => {
  const client = certificate("client")
  await using server = await serve(hello, { ...keys, ca: client.cert })
  const ask = (socket: Socket) => {
    socket.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return all(socket)
  }
  expect(await ask(secured(server.port))).toBe("")
  expect(await ask(secured(server.port, { cert: keys.cert, key: keys.key }))).toBe("")
  expect(await ask(secured(server.port, { cert: client.cert, key: client.key }))).toEndWith("hello")
  expect(await ask(connect(server.port, "127.0.0.1"))).toContain("HTTP request to an HTTPS server")
})

test("renewed keys count for the next connections", async () => {
  await using server = await serve(hello)
  const shown = () =>
    new Promise<string>((resolve) => {
      const socket = secured(server.port, {})
      socket.on("secureConnect", () => {
        resolve(socket.getPeerCertificate().subject.CN as string)
        socket.destroy()
      })
    })
  expect(await shown()).toBe("first")
  server.renew(certificate("second"))
  expect(await shown()).toBe("second")
  expect(() => server.renew({ cert: "x", key: "y" })).toThrow("the new certificate cannot be used")
  expect(await shown()).toBe("second")
})

test("a handshake that does not come to its end is given up", async () => {
  const server = new TlsServerWithPlainAnswer(keys, { accept: () => {}, handshakeTime: 20 })
  await new Promise<void>((resolve) => server.front.listen(0, "127.0.0.1", resolve))
  const { port } = server.front.address() as { port: number }
  for (const begun of ["", "\x16", "\x16\x03\x01\x02\x00"]) {
    const socket = connect(port, "127.0.0.1", () => socket.write(Buffer.from(begun, "latin1")))
    await all(socket)
  }
  server.close()
})

test("closing ends handshakes under way", async () => {
  const accepted = Promise.withResolvers<void>()
  const server = new TlsServerWithPlainAnswer(keys, { accept: () => {} })
  server.front.on("connection", () => accepted.resolve())
  await new Promise<void>((resolve) => server.front.listen(0, "127.0.0.1", resolve))
  const socket = connect((server.front.address() as { port: number }).port, "127.0.0.1")
  const ended = all(socket)
  await accepted.promise
  server.close()
  expect(await ended).toBe("")
})
