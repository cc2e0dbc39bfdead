import { expect, test } from "bun:test"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { failure } from "../../test/fixtures/failure.ts"
import { freePort } from "../../test/fixtures/free-port.ts"
import { ConnectionFailure } from "./connection-failure.ts"
import { type HttpBody, HttpClient } from "./http-client.ts"
import { isTemporary } from "./retry.ts"

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

/** A server that answers the first request of each connection and breaks off within the second. */
async function breaking(): Promise<{ server: Server; url: URL }> {
  const server = createServer((socket: Socket) => {
    let heads = 0
    socket.on("data", (chunk) => {
      if (/^[A-Z]+ \//.test(chunk.toString("latin1"))) heads++
      if (heads === 1) socket.write(ok)
      else socket.destroy()
    })
    socket.on("error", () => {})
  })
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  return { server, url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`) }
}

/** Puts a body over a connection that was used before. @returns how often the body was opened */
async function putAgain(kept: boolean): Promise<{ opened: number; failed: boolean }> {
  const { server, url } = await breaking()
  using client = new HttpClient({ proxies: {} })
  for await (const _ of (await client.request({ method: "GET", url })).body);
  let opened = 0
  const body: HttpBody = {
    length: 5,
    ...(kept ? { kept } : {}),
    async *open() {
      opened++
      yield Buffer.from("bytes")
    },
  }
  const failed = await client.request({ method: "PUT", url, body }).then(
    () => false,
    (error: unknown) => error instanceof ConnectionFailure,
  )
  server.close()
  return { opened, failed }
}

test("a request on an idle connection that turns out closed is sent again on a new one", async () => {
  expect(await putAgain(false)).toEqual({ opened: 2, failed: false })
})

test("a body whose received part the server keeps is never sent a second time by itself", async () => {
  expect(await putAgain(true)).toEqual({ opened: 1, failed: true })
})

test.each(["http", "https"])("a proxy that is down is named as the proxy, and not asked again (%s)", async (scheme) => {
  const proxy = `127.0.0.1:${await freePort()}`
  using client = new HttpClient({ proxies: { http: `http://${proxy}`, https: `http://${proxy}` } })
  const url = new URL(`${scheme}://registry.test/v2/`)
  const failed = client.request({ method: "GET", url })
  const { message } = await failure(failed)
  expect(message).toBe(
    `Get "${scheme}://registry.test/v2/": proxyconnect tcp: dial tcp ${proxy}: connect: connection refused (the proxy ${proxy} cannot be reached: see HTTP_PROXY, HTTPS_PROXY and NO_PROXY)`,
  )
  expect(isTemporary(await failed.catch((error: unknown) => error))).toBe(false)
})

test("a host that says nothing is given up after the request's own patience", async () => {
  const server = createServer(() => {})
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  using client = new HttpClient({ proxies: {}, stallTimeout: 2 ** 30 })
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const { message } = await failure(client.request({ method: "GET", url, patience: 50 }))
  expect(message).toEndWith("i/o timeout")
  server.close()
})

test("name servers that do not answer are not asked again: the resolver has tried for long", () => {
  for (const text of ["Temporary failure in name resolution", "no such host"]) {
    expect(isTemporary(new ConnectionFailure(`dial tcp: lookup registry.test: ${text}`, false, undefined))).toBe(false)
  }
  expect(isTemporary(new ConnectionFailure("EOF", false, undefined))).toBe(true)
})
