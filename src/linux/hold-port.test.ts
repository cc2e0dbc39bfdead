import { expect, test } from "bun:test"
import { closeSync } from "node:fs"
import { createServer } from "node:net"
import { freePort } from "../../test/fixtures/free-port.ts"
import { holdPort } from "./hold-port.ts"

async function listen(port: number): Promise<ReturnType<typeof createServer>> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(port, "127.0.0.1", resolve)
  })
  return server
}

test("a held port can neither be held again nor listened on, until it is released", async () => {
  const port = await freePort()
  const server = await listen(port)
  expect(() => holdPort("tcp", "0.0.0.0", port)).toThrow("EADDRINUSE")
  await new Promise((resolve) => server.close(resolve))

  const held = holdPort("tcp", "0.0.0.0", port)!
  expect(() => holdPort("tcp", "127.0.0.1", port)).toThrow("EADDRINUSE")
  await expect(listen(port)).rejects.toThrow("EADDRINUSE")
  closeSync(held)
  const again = await listen(port)
  await new Promise((resolve) => again.close(resolve))
})

test("UDP ports are apart from TCP ports", () => {
  const tcp = holdPort("tcp", "127.0.0.1", 0)!
  const udp = holdPort("udp", "127.0.0.1", 0)!
  closeSync(tcp)
  closeSync(udp)
  expect(() => holdPort("udp", "192.0.2.77", 1)).toThrow("EADDRNOTAVAIL")
})
