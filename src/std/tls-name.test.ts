import { afterAll, beforeAll, expect, test } from "bun:test"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect, createServer, type Server, type TLSSocket } from "node:tls"
import { tlsName } from "./tls-name.ts"

const folder = mkdtempSync(join(tmpdir(), "barge-tls-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** Key and certificate for what a name or address of a server is. */
function certificate(subject: string) {
  const [key, cert] = [join(folder, "key"), join(folder, "cert")]
  const extension = ["-subj", "/CN=server", "-addext", `subjectAltName=${subject}`]
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", cert, ...extension],
    { stdio: "ignore" },
  )
  return { key: readFileSync(key), cert: readFileSync(cert) }
}

/** What a server with this certificate hears as its name, or what the client says against the certificate. */
async function heard(
  host: string,
  { key, cert }: ReturnType<typeof certificate>,
): Promise<string | false | null | undefined> {
  const name = Promise.withResolvers<string | false | null | undefined>()
  const server: Server = createServer({ key, cert }, (socket: TLSSocket) => {
    name.resolve(socket.servername)
    socket.on("error", () => {})
    socket.end()
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  const client = connect({ ...tlsName(host), port, ca: cert })
  try {
    return await new Promise((resolve, reject) => {
      client.on("error", reject)
      client.once("secureConnect", () => name.promise.then(resolve))
    })
  } finally {
    client.destroy()
    server.close()
  }
}

let address: ReturnType<typeof certificate>
let named: ReturnType<typeof certificate>
beforeAll(() => {
  address = certificate("IP:127.0.0.1")
  named = certificate("DNS:localhost")
})

test("a server at an address hears no name, and its certificate must be for the address", async () => {
  expect(await heard("127.0.0.1", address)).toBeFalsy()
  expect(heard("127.0.0.1", named)).rejects.toThrow("127.0.0.1")
})

test("a server with a name hears it, and its certificate must be for it", async () => {
  expect(await heard("localhost", named)).toBe("localhost")
  expect(heard("localhost", address)).rejects.toThrow("localhost")
})
